"""The running steps of a worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Tasks:
    """Tasks by step and lane. None of them runs on after `cancel`."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, int], asyncio.Task[None]] = {}

    def start(self, step: str, lane: int, work: Coroutine[object, object, None]) -> None:
        """Starts a step in a free lane."""
        self._running[step, lane] = asyncio.create_task(work, name=f"{step}-{lane}")

    def any(self, *steps: str) -> bool:
        """Whether any of these steps is running."""
        return any(step in steps for step, _ in self._running)

    def free(self, step: str, lanes: int) -> list[int]:
        """The lanes in which this step is not running."""
        return [lane for lane in range(lanes) if (step, lane) not in self._running]

    async def wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Waits until a step ends or `stop` is set, but not longer than the timeout."""
        waits = {*self._running.values()}
        stopping = None if stop.is_set() else asyncio.create_task(stop.wait())
        try:
            await asyncio.wait(
                waits | ({stopping} if stopping else set()),
                timeout=seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            if stopping is not None:
                stopping.cancel()

    def finish(self) -> None:
        """Removes finished steps. Raises the first failure; the others are retrieved, too."""
        ended = [key for key, task in self._running.items() if task.done()]
        errors = [error for key in ended if (error := self._running.pop(key).exception())]
        if errors:
            raise errors[0]

    async def cancel(self) -> None:
        """Cancels all steps and ignores their results."""
        running, self._running = self._running, {}
        for task in running.values():
            task.cancel()
        if running:
            await asyncio.gather(*running.values(), return_exceptions=True)
