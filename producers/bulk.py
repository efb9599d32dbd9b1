"""Imports: publishes many commands and waits for the result of each, so that the service is not overloaded.

The id of each command is computed from the name of the source, the place of the row and the command itself.
So an interrupted import can be run again: rows that were applied are then duplicates. A corrected file is a
new source. The report lists the refused rows, to be corrected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.model import Policy
from consumer.errors import ContractsError, InputRefused
from producers.bulk_check import DryRun
from producers.bulk_report import RefusedRow, Reporter
from producers.bulk_rows import BadRow
from producers.bulk_run import UnderWay
from producers.messages import command_message
from producers.results import CommandResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from consumer.reading.preview_many import ManyPreviewed
    from producers.bulk_report import ImportReport
    from producers.bulk_rows import Row
    from producers.commands import CommandProducer
    from producers.messages import CommandMessage

    Rows = AsyncIterator[Row | BadRow] | Iterable[Row | BadRow]

SOURCE: Final = "/contracts/import"
WINDOW: Final = 500
"""Maximum number of commands without a result: enough for full batches, and small enough for memory."""


class BulkImport:
    """One run of an import.

    Args:
        source_name: identifies the file or collection by its content: the same rows of the same source
            get the same ids.
        policy: the defaults of new contracts, for a dry run.
        on_refused: called with each refused row.
        on_progress: called with the number of rows finished since the last call.
    """

    def __init__(
        self,
        source_name: str,
        *,
        policy: Policy | None = None,
        on_refused: Callable[[RefusedRow], None] = lambda _: None,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._reporter = Reporter(on_refused, on_progress)
        self.report = self._reporter.report
        self._source_name = source_name
        self._policy = policy or Policy()

    async def check(self, rows: Rows) -> ImportReport:
        """A dry run: checks every row as the service would, and sends nothing.

        For a new contract, it checks what the service would on an account without a contract, and whether an
        earlier row has the same account or contract_id. It does not read stored contracts, so it cannot
        tell what other commands would do.
        """
        dry_run = DryRun(self._policy)
        async for place, message in self._messages(rows):
            if message is not None and (refused := dry_run.look(place, message)):
                self._reporter.refuse(refused)
            self._reporter.finish()
        return self.report

    async def preview(self, rows: Rows, previewed: ManyPreviewed) -> ImportReport:
        """A preview: what the rows would do to the stored contracts, collected in `previewed`. Sends nothing.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        waiting: list[tuple[str, CommandMessage]] = []
        async for place, message in self._messages(rows):
            if message is not None:
                waiting.append((place, message))
            self._reporter.finish()
            if len(waiting) >= WINDOW:
                await self._preview(waiting, previewed)
                waiting = []
        await self._preview(waiting, previewed)
        return self.report

    async def _preview(self, rows: list[tuple[str, CommandMessage]], previewed: ManyPreviewed) -> None:
        results = await previewed.apply([message for _, message in rows])
        for (place, message), result in zip(rows, results, strict=True):
            self._reporter.count(place, CommandResult.from_data(message.account_id, dict(result)))

    async def run(self, rows: Rows, commands: CommandProducer, *, window: int = WINDOW) -> ImportReport:
        """Publishes every row and waits for its result.

        Raises:
            ResultTimeout, LogError, ServiceUnavailable: interrupted; `report` has the outcomes so far. Run
                the import again to continue.
        """
        under_way = UnderWay(commands, self._reporter, window)
        try:
            async for place, message in self._messages(rows):
                if message is None:
                    self._reporter.finish()
                else:
                    await under_way.send(place, message)
                if under_way.failure is not None:
                    break
        except ContractsError as error:
            under_way.failure = under_way.failure or error
        except BaseException:
            await under_way.cancel()
            raise
        await under_way.wait()
        if under_way.failure is not None:
            raise under_way.failure
        return self.report

    async def _messages(self, rows: Rows) -> AsyncIterator[tuple[str, CommandMessage | None]]:
        """The place and command of each row; None: not a valid command, and reported as refused."""
        async for row in _each(rows):
            self.report.rows += 1
            yield row.place, self._message(row)

    def _message(self, row: Row | BadRow) -> CommandMessage | None:
        if isinstance(row, BadRow):
            self._reporter.refuse(RefusedRow(row.place, row.message, None, row.errors))
            return None
        parts = ("import", self._source_name, row.place, row.name, row.revision)
        name = "/".join(filter(None, parts))
        try:
            return command_message(row.name, row.account_id, row.data, source=SOURCE, command_id=name)
        except InputRefused as refused:
            self._reporter.refuse(RefusedRow(row.place, str(refused), None, refused.errors))
            return None


async def _each(rows: Rows) -> AsyncIterator[Row | BadRow]:
    if hasattr(rows, "__aiter__"):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row
