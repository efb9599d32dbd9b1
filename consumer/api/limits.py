"""How much one caller may ask: requests in a second, and bytes in a request."""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING, Final

from consumer.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

BURST_SECONDS: Final = 2.0
"""A caller that was silent may ask as much at once as in so many seconds."""


class RateLimits:
    """A bucket for each caller, which a request takes one from, and time fills again.

    Args:
        per_second: requests of one caller.
        clock: seconds.
    """

    def __init__(self, per_second: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * BURST_SECONDS)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> None:
        """One request.

        Raises:
            Problem: there is none left; `Retry-After` says when.
        """
        now = self._clock()
        left, at = self._buckets.get(name, (self._most, now))
        left = min(self._most, left + (now - at) * self._per_second)
        if left < 1:
            self._buckets[name] = left, now
            seconds = math.ceil((1 - left) / self._per_second)
            raise Problem("rate_limited", headers={"Retry-After": str(seconds)})
        self._buckets[name] = left - 1, now


async def body_of(request: Request, limit: int) -> bytes:
    """The body, of which no more is read than the limit.

    Raises:
        Problem: it has more bytes.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Problem("too_large", f"at most {limit} bytes are accepted", headers={"Connection": "close"})
        parts.append(part)
    return b"".join(parts)
