"""Sends the commands of an import, with a limit for those that wait for their results."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from producers.bulk_report import Reporter
    from producers.commands import CommandProducer
    from producers.messages import CommandMessage
    from producers.results import CommandResult
    from producers.sending import Sent

RESULT_SECONDS: Final = 120.0
"""How long to wait for a result: long, because a whole window of commands may be before it."""


class UnderWay:
    """The commands of one run that wait for their results.

    Args:
        reporter: records their outcomes.
        window: maximum number that wait.
    """

    def __init__(self, commands: CommandProducer, reporter: Reporter, window: int) -> None:
        self.failure: Exception | None = None
        """The first error of any command. It ends the run."""
        self._commands = commands
        self._reporter = reporter
        self._room = asyncio.Semaphore(window)
        self._pending: set[asyncio.Task[Any]] = set()

    async def send(self, place: str, message: CommandMessage) -> None:
        """Sends a row's command. Waits while the window is full."""
        await self._room.acquire()
        # One after another, so that the rows of an account are applied in their order.
        answer = await self._commands.awaiting(RESULT_SECONDS).submit(message)
        finishing = asyncio.create_task(self._finish(place, answer), name="import-row")
        for task in (answer, finishing):
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    async def _finish(self, place: str, answer: asyncio.Task[tuple[Sent, CommandResult]]) -> None:
        try:
            _, result = await answer
            self._reporter.count(place, result)
            self._reporter.finish()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the run, which raises it
            self.failure = self.failure or error
        finally:
            self._room.release()

    async def wait(self) -> None:
        """Waits for all commands that were sent: they may still be applied, and the report should say so."""
        if self._pending:
            await asyncio.wait(self._pending)

    async def cancel(self) -> None:
        """Stops waiting for all commands; their outcomes are not needed any more."""
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
