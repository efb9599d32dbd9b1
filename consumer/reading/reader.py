"""Reading contracts: the current ones, the former ones, their history and their earlier states."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson

from consumer.arguments import checked
from consumer.domain.dates import DAY, days_left
from consumer.domain.notices import lapse_reason
from consumer.errors import ContractNotFound, InputRefused
from consumer.reading import cursors, past
from consumer.reading.usage import usage_of
from consumer.reading.views import (
    ExpiringContract,
    FoundContract,
    HistoryChange,
    HistoryItem,
    Page,
    PastContract,
)
from consumer.storage.queries import Ending, EndPlace, Selection
from schemas.contract import exported, visible
from schemas.identity import IDENTITY_BYTES, command_identity
from schemas.types import parse_instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Any

    from consumer.reading.views import ContractUsage
    from consumer.storage.protocols import HistoryEntry
    from consumer.storage.queries import Queries
    from schemas.contract import Contract, ContractState, ExportedContract
    from schemas.types import ContractTypeName, StatusName

PAGE: Final = 100
MAX_PAGE: Final = 10_000


@checked
class ContractReader:
    """Reads contracts from MongoDB.

    Listings come in pages: pass `next` of a page as `after` to get the one that follows. No contract
    appears twice, and none that stays as it is gets left out, whatever else changes meanwhile.
    Every method may raise ServiceUnavailable: then the answer is unknown, not empty.

    Args:
        queries: questions to the database.
        clock: aware UTC.
    """

    def __init__(
        self, queries: Queries, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._queries = queries
        self._clock = clock

    async def by_account(self, account_id: str) -> ContractState | None:
        """The account's current contract."""
        contract = await self._queries.contract(account_id)
        return None if contract is None else visible(contract)

    async def by_contract_id(self, contract_id: str) -> FoundContract | None:
        """A contract by its id, former ones too."""
        contract, current = await self._stored(contract_id)
        return None if contract is None else FoundContract(visible(contract), current)

    async def usage(self, account_id: str) -> ContractUsage | None:
        """What the account has used in this month and the last; None: it has no contract."""
        contract = await self._queries.contract(account_id)
        return None if contract is None else usage_of(contract, self._clock())

    async def find(
        self,
        *,
        status: StatusName | None = None,
        contract_type: ContractTypeName | None = None,
        external_reference: str | None = None,
        after: str | None = None,
        limit: int = PAGE,
    ) -> Page[ContractState]:
        """Current contracts with all of these properties, by account id.

        Raises:
            InputRefused: `after` is no cursor of this listing, or `limit` is none.
        """
        selection = Selection(status, contract_type, external_reference)
        page = await self._page(selection, after, limit)
        return Page(tuple(map(visible, page.items)), page.next)

    async def each(
        self,
        *,
        status: StatusName | None = None,
        contract_type: ContractTypeName | None = None,
        external_reference: str | None = None,
        chunk: int = 1_000,
    ) -> AsyncIterator[ContractState]:
        """All current contracts with these properties: flat memory, however many there are."""
        async for contract in self._each(Selection(status, contract_type, external_reference), chunk):
            yield visible(contract)

    async def exports(
        self,
        *,
        status: StatusName | None = None,
        contract_type: ContractTypeName | None = None,
        external_reference: str | None = None,
        chunk: int = 1_000,
    ) -> AsyncIterator[ExportedContract]:
        """The same with what `adopt` needs to take them over as the same contracts."""
        async for contract in self._each(Selection(status, contract_type, external_reference), chunk):
            yield exported(contract)

    async def expiring(
        self, within_days: int = 30, *, after: str | None = None, limit: int = PAGE
    ) -> Page[ExpiringContract]:
        """Contracts that run and whose term ends within so many days, the soonest first.

        Raises:
            InputRefused: `after` is no cursor of this listing, or a number makes no sense.
        """
        now = self._clock()
        ending = Ending(now, now + _days(within_days) * DAY)
        found = await self._queries.ending(ending, cursors.end_after(after), _checked(limit) + 1)
        shown = tuple(_expiring(contract, now) for contract in found[:limit])
        if len(found) <= limit:
            return Page(shown, None)
        last = found[limit - 1]
        return Page(shown, cursors.end_cursor(EndPlace(last["end_date"], last["account_id"])))

    async def count(
        self, *, status: StatusName | None = None, contract_type: ContractTypeName | None = None
    ) -> int:
        """How many current contracts there are; costs the same for one as for millions."""
        tallies = await self._queries.tallies()
        return sum(
            times
            for (type_, status_), times in tallies.items()
            if contract_type in {None, type_} and status in {None, status_}
        )

    async def history(
        self, account_id: str, *, newest_first: bool = True, after: str | None = None, limit: int = PAGE
    ) -> Page[HistoryItem]:
        """What happened to an account: every command with its outcome, and every change.

        Raises:
            InputRefused: `after` is no cursor of a history, or `limit` is none.
        """
        place = cursors.sequence_after(after)
        found = await self._queries.history(
            account_id,
            after=None if newest_first else place,
            before=place if newest_first else None,
            newest_first=newest_first,
            limit=_checked(limit) + 1,
        )
        shown = tuple(_item(entry) for entry in found[:limit])
        return Page(shown, cursors.sequence_cursor(shown[-1].sequence) if len(found) > limit else None)

    async def command(self, account_id: str, command_id: str, source: str) -> tuple[HistoryItem, ...]:
        """What became of a command of this id, the latest first; empty: nothing is known of it.

        Several: it came more than once, or from other sources as well. Where the history is not kept that
        long, only the one from `source` is found, without its names: `command_id` is None then.
        """
        identity = command_identity(account_id, source, command_id)[:IDENTITY_BYTES]
        return tuple(map(_item, await self._queries.commands(account_id, command_id, identity)))

    async def at_version(self, contract_id: str, version: int) -> PastContract | None:
        """A contract, former ones too, as it stood at a version; None: it never had that version.

        Raises:
            ContractNotFound: there is no contract of this id.
            HistoryPruned: the way back to that version is not kept any more.
        """
        contract, _ = await self._stored(contract_id)
        if contract is None:
            raise ContractNotFound(f"there is no contract {contract_id}")
        return await past.at_version(self._queries, contract, version)

    async def as_of(self, account_id: str, moment: datetime) -> PastContract | None:
        """The account's contract as it stood at a moment; None: there was none.

        What was due counts from when it was due, not from when the scanner or a command brought it out; but
        never from before the command that made it due.

        Raises:
            HistoryPruned: the way back to that moment is not kept any more.
        """
        contract = await self._queries.contract(account_id)
        if contract is not None and (
            found := await past.at_time(self._queries, contract, moment, current=True)
        ):
            return found
        for former in await self._queries.former_of(account_id):
            ended = await past.deleted_at(self._queries, former)
            if ended is not None and ended <= moment:
                return None
            if found := await past.at_time(self._queries, former, moment, current=False):
                return found
        return None

    async def _each(self, selection: Selection, chunk: int) -> AsyncIterator[Contract]:
        after: str | None = None
        while True:
            page = await self._page(selection, after, chunk)
            for contract in page.items:
                yield contract
            if page.next is None:
                return
            after = page.next

    async def _page(self, selection: Selection, after: str | None, limit: int) -> Page[Contract]:
        found = await self._queries.page(selection, cursors.account_after(after), _checked(limit) + 1)
        shown = tuple(found[:limit])
        more = cursors.account_cursor(shown[-1]["account_id"]) if len(found) > limit else None
        return Page(shown, more)

    async def _stored(self, contract_id: str) -> tuple[Contract | None, bool]:
        """A contract, and whether it is current. In this order: contracts only ever become former ones."""
        contract = await self._queries.contract_by_id(contract_id)
        if contract is not None:
            return contract, True
        return await self._queries.former_by_id(contract_id), False


def _checked(limit: int) -> int:
    if not 1 <= limit <= MAX_PAGE:
        raise InputRefused(f"a page has 1 to {MAX_PAGE} entries, not {limit}")
    return limit


def _days(days: int) -> int:
    if not 0 <= days <= 36_500:  # noqa: PLR2004 - a hundred years
        raise InputRefused(f"cannot look {days} days ahead")
    return days


def _expiring(contract: Contract, now: datetime) -> ExpiringContract:
    reason = lapse_reason(contract)
    left = days_left(contract["end_date"], now)
    return ExpiringContract(visible(contract), left, "lapses" if reason else "renews", reason)


def _item(entry: HistoryEntry) -> HistoryItem:
    by = entry.requested_by or entry.source
    return HistoryItem(
        sequence=entry.offset,
        occurred_at=entry.occurred_at,
        outcome=entry.outcome,
        code=entry.code,
        command=entry.type,
        command_id=entry.command_id,
        source=entry.source,
        by=by,
        contract_id=entry.contract_id,
        version=entry.version,
        changes=tuple(_change(each, by) for each in orjson.loads(entry.changes or "[]")),
    )


_NOTICES: Final = {"renewal": "renewal_notice"}
"""Kept under another name than the event has."""
_LIMIT: Final = ("period", "metric", "threshold")


def _change(kept: dict[str, Any], by: str | None) -> HistoryChange:
    if "change" not in kept:
        kind, author = _NOTICES.get(kept["notice"], kept["notice"]), None
    else:
        kind, author = kept["change"], kept.get("by", by)
    return HistoryChange(
        kind=kind,
        effective_at=parse_instant(kept["effective_at"]),
        version=kept.get("version"),
        by=author,
        window_days=kept.get("window_days"),
        reason=kept.get("reason"),
        fields=tuple(kept.get("fields", ())),
        limit={name: kept[name] for name in _LIMIT} if "threshold" in kept else None,
    )
