"""Imports: many commands at once, each with its result, at a pace that the service can keep up with.

Every row has a deterministic id, made of the source's name, the row's place in it and the command it is.
So an import that was interrupted is run again as it is: what was applied before turns out to be a
duplicate. A corrected file is another source. The report of refused rows lists what to correct.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from consumer.domain.commands.table import OPENING
from consumer.domain.decider import decide
from consumer.domain.model import Command, Policy, Rejected
from consumer.domain.statuses import ENDED
from consumer.errors import CommandRejected, ContractsError, InputRefused
from producers.bulk_rows import BadRow
from producers.messages import command_message
from producers.results import CommandResult
from schemas.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from consumer.reading.preview_many import ManyPreviewed
    from producers.bulk_rows import Row
    from producers.commands import CommandProducer, Sent
    from producers.messages import CommandMessage
    from schemas.contract import Contract

SOURCE: Final = "/contracts/import"
WINDOW: Final = 500
"""Commands under way at a time: enough for full batches, and all that is kept in memory."""


RESULT_SECONDS: Final = 120.0
"""How long a command waits for its result: long, because up to a window of others are before it."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that changed nothing, and why. `code` None: it is no command, and was not sent."""

    place: str
    message: str
    code: str | None = None
    errors: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class ImportReport:
    """What became of the rows so far. `duplicates` were applied by an earlier run."""

    rows: int = 0
    applied: int = 0
    unchanged: int = 0
    duplicates: int = 0
    refused: int = 0
    by_code: dict[str, int] = field(default_factory=dict)

    def refuse(self, code: str) -> None:
        """One more refused row."""
        self.refused += 1
        self.by_code[code] = self.by_code.get(code, 0) + 1


@dataclass(slots=True)
class _Opened:
    """What the rows of a dry run have opened so far."""

    places: dict[str, str] = field(default_factory=dict)
    """The row that opened the account's contract, where another would be refused."""
    holders: dict[str, str] = field(default_factory=dict)
    """The account of each contract id that rows bring along."""

    def note(self, place: str, contract: Contract) -> None:
        account = contract["account_id"]
        self.holders[contract["contract_id"]] = account
        if contract["status"] not in ENDED:
            self.places[account] = place


_MAKES_ROOM: Final = ("cancel", "delete")
"""After these commands an account may get a new contract."""

NOT_SENT: Final = "not_sent"
"""Stands for the code of rows that are no commands, in `ImportReport.by_code`."""


class BulkImport:
    """One run of an import.

    Args:
        source_name: names the file or collection by its content: the same rows under the same name get
            the same ids.
        policy: what new contracts copy, for a dry run.
        on_refused: gets each refused row when it is known.
        on_progress: gets the number of rows finished, one or more at a time.
    """

    def __init__(
        self,
        source_name: str,
        *,
        policy: Policy | None = None,
        on_refused: Callable[[RefusedRow], None] = lambda _: None,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.report = ImportReport()
        self._failure: Exception | None = None
        self._source_name = source_name
        self._policy = policy or Policy()
        self._now = datetime.now(UTC)
        self._on_refused = on_refused
        self._on_progress = on_progress

    async def check(self, rows: AsyncIterator[Row | BadRow] | Iterable[Row | BadRow]) -> ImportReport:
        """A dry run: looks at every row as the service would at a command, and sends nothing.

        A new contract is opened here, as the service would on an account that has none, unless an earlier row
        has opened one or has its contract_id. What other commands would do depends on contracts that are not
        looked at.
        """
        opened = _Opened()
        async for row in _each(rows):
            self.report.rows += 1
            message = self._message(row)
            if message is not None and message.name in OPENING:
                self._open(row.place, message, opened)
            elif message is not None and message.name in _MAKES_ROOM:
                opened.places.pop(message.account_id, None)
            self._on_progress(1)
        return self.report

    def _open(self, place: str, message: CommandMessage, opened: _Opened) -> None:
        data = COMMANDS[message.name].adapter.validate_json(message.value)
        identity = sha256(message.command_id.encode()).digest()
        named = (message.name, message.account_id, data, identity, message.source, message.command_id)
        command = Command(*named, offset=0)
        if earlier := opened.places.get(message.account_id):
            why = f"the account has a contract already: that of row {earlier}"
            self._refuse(RefusedRow(place, why, "contract_exists"))
            return
        decision = decide(None, command, self._now, self._policy, opened.holders)
        if isinstance(decision.outcome, Rejected):
            self._refuse(_refused(place, decision.outcome))
        elif decision.contract is not None:
            opened.note(place, decision.contract)

    async def preview(
        self, rows: AsyncIterator[Row | BadRow] | Iterable[Row | BadRow], previewed: ManyPreviewed
    ) -> ImportReport:
        """What the rows would do to the contracts as they are stored, told by `previewed`; nothing is sent.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        waiting: list[tuple[str, CommandMessage]] = []
        async for row in _each(rows):
            self.report.rows += 1
            if (message := self._message(row)) is not None:
                waiting.append((row.place, message))
            self._on_progress(1)
            if len(waiting) >= WINDOW:
                await self._preview(waiting, previewed)
                waiting = []
        await self._preview(waiting, previewed)
        return self.report

    async def _preview(self, rows: list[tuple[str, CommandMessage]], previewed: ManyPreviewed) -> None:
        results = await previewed.apply([message for _, message in rows])
        for (place, message), result in zip(rows, results, strict=True):
            self._count(place, CommandResult.from_data(message.account_id, dict(result)))

    async def run(
        self,
        rows: AsyncIterator[Row | BadRow] | Iterable[Row | BadRow],
        commands: CommandProducer,
        *,
        window: int = WINDOW,
    ) -> ImportReport:
        """Publishes every row and waits for its result.

        Raises:
            ResultTimeout, LogError, ServiceUnavailable: interrupted; `report` has what is known so far.
                Running it again resumes it.
        """
        room = asyncio.Semaphore(window)
        pending: set[asyncio.Task[Any]] = set()
        try:
            async for row in _each(rows):
                await self._send(row, commands, room, pending)
                if self._failure is not None:
                    break
        except ContractsError as error:
            self._failure = self._failure or error
        except BaseException:
            await _cancelled(pending)
            raise
        if pending:  # what is under way may still be applied: that is worth knowing
            await asyncio.wait(pending)
        if self._failure is not None:
            raise self._failure
        return self.report

    async def _send(
        self,
        row: Row | BadRow,
        commands: CommandProducer,
        room: asyncio.Semaphore,
        pending: set[asyncio.Task[Any]],
    ) -> None:
        self.report.rows += 1
        message = self._message(row)
        if message is None:
            self._on_progress(1)
            return
        await room.acquire()
        # One after the other, so that the rows of an account are applied in their order.
        answer = await commands.awaiting(RESULT_SECONDS).submit(message)
        finishing = asyncio.create_task(self._finish(row.place, answer, room), name="import-row")
        for task in (answer, finishing):
            pending.add(task)
            task.add_done_callback(pending.discard)

    def _message(self, row: Row | BadRow) -> CommandMessage | None:
        if isinstance(row, BadRow):
            self._refuse(RefusedRow(row.place, row.message, None, row.errors))
            return None
        parts = ("import", self._source_name, row.place, row.name, row.revision)
        name = "/".join(filter(None, parts))
        try:
            return command_message(row.name, row.account_id, row.data, source=SOURCE, command_id=name)
        except InputRefused as refused:
            self._refuse(RefusedRow(row.place, str(refused), None, refused.errors))
            return None

    async def _finish(
        self, place: str, answer: asyncio.Task[tuple[Sent, CommandResult]], room: asyncio.Semaphore
    ) -> None:
        try:
            _, result = await answer
            self._count(place, result)
            self._on_progress(1)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the run, which raises it
            self._failure = self._failure or error
        finally:
            room.release()

    def _count(self, place: str, result: CommandResult) -> None:
        report = self.report
        try:
            outcome = result.raise_if_rejected().outcome
        except CommandRejected as rejected:
            self._refuse(RefusedRow(place, result.message or "", rejected.code, rejected.errors))
            return
        report.applied += outcome == "applied"
        report.unchanged += outcome == "unchanged"
        report.duplicates += outcome == "duplicate"

    def _refuse(self, row: RefusedRow) -> None:
        self.report.refuse(row.code or NOT_SENT)
        self._on_refused(row)


def _refused(place: str, outcome: Rejected) -> RefusedRow:
    errors = tuple((each["path"], each["message"]) for each in outcome.errors)
    return RefusedRow(place, outcome.message, outcome.code, errors)


async def _each(rows: AsyncIterator[Row | BadRow] | Iterable[Row | BadRow]) -> AsyncIterator[Row | BadRow]:
    if hasattr(rows, "__aiter__"):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    """Ends tasks; what became of them does not matter any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
