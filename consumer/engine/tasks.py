"""The steps of a worker that are under way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Tasks:
    """Tasks by the step they do and the lane they do it in. None outlives `cancel`."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, int], asyncio.Task[None]] = {}

    def start(self, step: str, lane: int, work: Coroutine[object, object, None]) -> None:
        """Starts a step in a lane that is free."""
        self._running[step, lane] = asyncio.create_task(work, name=f"{step}-{lane}")

    def any(self, *steps: str) -> bool:
        """Whether any of these steps is under way."""
        return any(step in steps for step, _ in self._running)

    def free(self, step: str, lanes: int) -> list[int]:
        """The lanes in which this step is not under way."""
        return [lane for lane in range(lanes) if (step, lane) not in self._running]

    async def wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Until a step ends or `stop` is set, but no longer than this."""
        waits = {*self._running.values()}
        told = None if stop.is_set() else asyncio.create_task(stop.wait())
        try:
            await asyncio.wait(
                waits | ({told} if told else set()), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if told is not None:
                told.cancel()

    def finish(self) -> None:
        """Lets go of the steps that have ended; the first failure goes up, and no other is left unseen."""
        ended = [key for key, task in self._running.items() if task.done()]
        errors = [error for key in ended if (error := self._running.pop(key).exception())]
        if errors:
            raise errors[0]

    async def cancel(self) -> None:
        """Ends all; how does not matter any more."""
        running, self._running = self._running, {}
        for task in running.values():
            task.cancel()
        if running:
            await asyncio.gather(*running.values(), return_exceptions=True)
