"""The condition of the process: whether its loops run, and whether its dependencies answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from consumer.telemetry.logs import hide_text

Check = Callable[[], Awaitable[str | None]]
"""Returns None if all is well, else one line that says what is wrong. An exception counts as such a line."""

CHECK_SECONDS: Final = 3.0
"""Maximum time of a check, in seconds: less than the usual timeout of probes."""

FRESH_SECONDS: Final = 1.0
"""Seconds for which an answer is repeated, so that frequent probes do not load Kafka and MongoDB."""


@dataclass(slots=True)
class _Loop:
    within: float
    last_beat: float


class Health:
    """Loops report with `beat`; the owner of a dependency adds a check for it."""

    def __init__(
        self, *, clock: Callable[[], float] = monotonic, check_seconds: float = CHECK_SECONDS
    ) -> None:
        self._clock = clock
        self._check_seconds = check_seconds
        self._loops: dict[str, _Loop] = {}
        self._checks: dict[str, Check] = {}
        self._failing: dict[str, str] = {}
        self._checked_at = float("-inf")
        self._lock = asyncio.Lock()

    def watch(self, loop: str, *, within: float) -> None:
        """From now on `loop` must call `beat` at least every `within` seconds, or the process is stuck."""
        self._loops[loop] = _Loop(within, self._clock())

    def beat(self, loop: str) -> None:
        """The loop runs. To wait for MongoDB or Kafka with backoff also counts as running."""
        if watched := self._loops.get(loop):
            watched.last_beat = self._clock()

    def forget(self, loop: str) -> None:
        """The loop has ended as intended, for example because its partition was revoked."""
        self._loops.pop(loop, None)

    def add_check(self, name: str, check: Check) -> None:
        """The process is not ready while `check` reports a problem, raises, or takes too long."""
        self._checks[name] = check

    def remove_check(self, name: str) -> None:
        """Removes a check whose subject no longer exists."""
        self._checks.pop(name, None)

    def stuck(self) -> dict[str, str]:
        """The loops that have not called `beat` in time, and for how long."""
        now = self._clock()
        return {
            name: f"silent for {now - loop.last_beat:.0f} s, expected every {loop.within:g} s"
            for name, loop in self._loops.items()
            if now - loop.last_beat > loop.within
        }

    async def failing(self) -> dict[str, str]:
        """The checks that fail, and why. All run at the same time."""
        async with self._lock:
            if self._clock() - self._checked_at > FRESH_SECONDS:
                self._failing = await self._ask_all()
                self._checked_at = self._clock()
        return self._failing

    async def _ask_all(self) -> dict[str, str]:
        checks = dict(self._checks)
        answers = await asyncio.gather(*(self._ask(check) for check in checks.values()))
        return {name: answer for name, answer in zip(checks, answers, strict=True) if answer}

    async def _ask(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(self._check_seconds):
                return await check()
        except TimeoutError:
            return f"no answer within {self._check_seconds:g} s"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not ready
            return hide_text(f"{type(error).__name__}: {error}".splitlines()[0])
