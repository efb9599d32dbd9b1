"""An event loop in virtual time: when nothing is ready, its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
from heapq import heappop
from typing import Any, Final

MOST_TURNS: Final = 200_000
"""Of one schedule: the longest take some thousands, so something turns without an end."""


class Stuck(Exception):
    """Nothing will ever happen again, or it never ends."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs coroutines that only wait for each other and for time; nothing in it waits for the world."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 0.0
        self._turns = 0

    def time(self) -> float:
        return self._virtual

    def _run_once(self) -> None:
        """One turn: the base class would ask a selector, which is half of the time a schedule takes."""
        ready, timers = self._ready, self._scheduled
        self._turns += 1
        if self._turns > MOST_TURNS:
            raise Stuck("the schedule does not come to an end")
        while timers and timers[0]._cancelled:
            heappop(timers)._scheduled = False
        if not ready:
            if not timers:
                raise Stuck("everybody waits for somebody else")
            self._virtual = max(self._virtual, timers[0]._when)
        while timers and timers[0]._when <= self._virtual:
            timer = heappop(timers)
            timer._scheduled = False
            ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _process_events(self, events: Any) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody else's thread ever wakes this loop."""
