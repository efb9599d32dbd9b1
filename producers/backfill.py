"""Publishes the state of every stored contract to `contracts.state`, through the log.

It sends an `advance` that asks for the state to each account. So the owner of the account publishes the
state, in order with the account's other commands: it is never older than the state published before, and a
replay publishes the same. A second run publishes the states again, at later offsets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from consumer.storage.queries import Selection
from producers.bulk import BulkImport
from producers.bulk_rows import Row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Any

    from consumer.storage.queries import Queries
    from producers.bulk_report import ImportReport, RefusedRow
    from producers.commands import CommandProducer
    from schemas.contract import Contract

PAGE: Final = 500
_EVERY: Final = Selection()


class Backfill:
    """One run, in the order of account ids.

    Args:
        queries: queries on the database.
        commands: sends commands and waits for their results.
        after: the last account of an earlier run, to continue it.
        on_refused: called with each account whose command was refused.
        on_progress: called after each page with its number of accounts.
    """

    def __init__(
        self,
        queries: Queries,
        commands: CommandProducer,
        *,
        after: str | None = None,
        on_refused: Callable[[RefusedRow], None] = lambda _: None,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.after = after
        """The states of all accounts up to this one were published."""
        self._queries = queries
        self._commands = commands
        self._sending = BulkImport("state", on_refused=on_refused, on_progress=on_progress)

    @property
    def report(self) -> ImportReport:
        """The report so far."""
        return self._sending.report

    async def run(self, published: AsyncIterator[Any]) -> ImportReport:
        """Publishes the state of every stored contract, then tombstones that were not published before.

        `published`: the records of `contracts.state` up to now.

        Raises:
            ResultTimeout, LogError, ServiceUnavailable: interrupted; `after` says where to continue.
        """
        while page := await self._queries.page(_EVERY, self.after, PAGE):
            await self._send([_row(contract["account_id"], contract) for contract in page])
            self.after = page[-1]["account_id"]
        waiting: dict[str, Contract] = {}
        async for record in published:
            account = (record.key or b"").decode()
            waiting.pop(account, None)
            if record.value is not None:
                waiting[account] = orjson.loads(record.value)["contract"]
            if len(waiting) >= PAGE:
                await self._send_tombstones(waiting)
        await self._send_tombstones(waiting)
        return self.report

    async def _send_tombstones(self, waiting: dict[str, Contract]) -> None:
        stored = await self._queries.contracts(waiting)
        await self._send([_row(account, each) for account, each in waiting.items() if account not in stored])
        waiting.clear()

    async def _send(self, rows: list[Row]) -> None:
        await self._sending.run(rows, self._commands)


def _row(account: str, contract: Contract) -> Row:
    data = {
        "contract_id": contract["contract_id"],
        "due_at": contract["updated_at"],
        "publish_state": True,
    }
    return Row(account, "advance", account, data, f"{contract['contract_id']}/{contract['version']}")
