"""Limits: requests per second of one caller, bytes per request, and what only one request does at a time."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect

from consumer.api.problems import RETRY_SECONDS, Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

BURST_SECONDS: Final = 2.0
"""After a pause a caller may send as many requests at once as the limit allows in this time."""

BODY_SECONDS: Final = 30
"""Maximum time for a request body. A sender that never finishes would hold a connection forever."""

PREVIEWS: Final = 20
"""Previews with something due that may wait or run at once: the last one waits for some seconds."""


class RateLimits:
    """A token bucket for each caller: each request takes one token, and tokens are added with time.

    Args:
        per_second: requests that one caller may send in a second.
        clock: seconds.
    """

    def __init__(self, per_second: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * BURST_SECONDS)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> None:
        """Counts one request of a caller.

        Raises:
            Problem: the limit is exceeded; `Retry-After` says when to try again.
        """
        now = self._clock()
        left, at = self._buckets.get(name, (self._most, now))
        left = min(self._most, left + (now - at) * self._per_second)
        if left < 1:
            self._buckets[name] = left, now
            seconds = math.ceil((1 - left) / self._per_second)
            raise Problem("rate_limited", headers={"Retry-After": str(seconds)})
        self._buckets[name] = left - 1, now


class Turns:
    """Work of which a process does one piece at a time, in the order of the requests.

    Pieces side by side would each let the other requests go on only after all of them.

    Args:
        most: requests that wait or work; more are refused, and not kept waiting for long.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._asked = 0
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for its turn, and has it.

        Raises:
            Problem: too many have asked.
        """
        if self._asked >= self._most:
            raise Problem("busy", headers={"Retry-After": str(RETRY_SECONDS)})
        self._asked += 1
        try:
            async with self._lock:
                yield
        finally:
            self._asked -= 1


async def body_of(request: Request, limit: int) -> bytes:
    """The body, of which no more is read than the limit.

    Raises:
        Problem: it has more bytes, comes too slowly, or the caller went away before its end.
    """
    parts: list[bytes] = []
    size, close = 0, {"Connection": "close"}
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise Problem("too_large", f"at most {limit} bytes are accepted", headers=close)
                parts.append(part)
    except ClientDisconnect:
        raise Problem("malformed", "the connection ended before the body did") from None
    except TimeoutError:
        late = f"the body did not come within {BODY_SECONDS} seconds"
        raise Problem("body_timeout", late, headers=close) from None
    return b"".join(parts)
