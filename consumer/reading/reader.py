"""Reads contracts: current and former ones, their history and their earlier states."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from consumer.arguments import checked
from consumer.domain.dates import DAY
from consumer.errors import ContractNotFound
from consumer.reading import cursors, past
from consumer.reading.bounds import days_ahead, page_size
from consumer.reading.hot import Held
from consumer.reading.items import expiring_item, item_of
from consumer.reading.usage import usage_of
from consumer.reading.views import ExpiringContract, FoundContract, HistoryItem, Page, PastContract
from consumer.storage.queries import Ending, EndKey, Selection
from schemas.identity import entry_id
from schemas.views import exported, visible

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from consumer.reading.hot import HotContracts
    from consumer.reading.views import ContractUsage
    from consumer.storage.history import Seen
    from consumer.storage.queries import Queries
    from schemas.contract import Contract, ContractState, ExportedContract
    from schemas.types import ContractTypeName, StatusName

PAGE: Final = 100


@checked
class ContractReader:
    """Reads contracts from MongoDB.

    Listings come in pages: pass `next` of a page as `after` to get the one that follows. No contract appears
    twice, and a contract that does not change meanwhile is never left out.
    Every method may raise ServiceUnavailable: then the answer is not known, and not empty.

    Args:
        queries: queries on the database.
        clock: aware UTC.
        hot: the cache for `by_account`. Then `queries` must ask the primary.
    """

    def __init__(
        self,
        queries: Queries,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        hot: HotContracts | None = None,
    ) -> None:
        self._hot = hot
        self._queries = queries
        self._clock = clock

    async def by_account(self, account_id: str) -> ContractState | None:
        """The account's current contract; from a cache, it is at most CONTRACTS_CACHE_MAX_AGE_SECONDS old."""
        return (await self.held(account_id)).contract

    async def held(
        self, account_id: str, *, before: Callable[[], Awaitable[None]] | None = None, cached: bool = True
    ) -> Held:
        """The same, and how new it is. `before`: awaited before MongoDB is asked; not `cached`: it is."""

        async def read(account: str) -> Contract | None:
            if before is not None:
                await before()
            return await self._queries.contract(account)

        if self._hot is not None and cached:
            return await self._hot.held(account_id, read)
        contract = await read(account_id)
        return Held(None if contract is None else visible(contract), None)

    async def by_contract_id(self, contract_id: str) -> FoundContract | None:
        """A contract by its id, also a former one."""
        contract, current = await self._stored(contract_id)
        return None if contract is None else FoundContract(visible(contract), current)

    async def usage(self, account_id: str) -> ContractUsage | None:
        """The account's usage in this month and the last; None: it has no contract."""
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
        """Current contracts that match all arguments, by account id.

        Raises:
            InputRefused: `after` is not a cursor of this listing, or `limit` is out of range.
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
        """All current contracts that match; memory does not grow with their number."""
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
        """The same, with the additional fields that `adopt` needs to continue them as the same contracts."""
        async for contract in self._each(Selection(status, contract_type, external_reference), chunk):
            yield exported(contract)

    async def expiring(
        self, within_days: int = 30, *, after: str | None = None, limit: int = PAGE
    ) -> Page[ExpiringContract]:
        """Running contracts whose term ends within `days`, earliest first.

        Raises:
            InputRefused: `after` is not a cursor of this listing, or a number is out of range.
        """
        now = self._clock()
        ending = Ending(now, now + days_ahead(within_days) * DAY)
        found = await self._queries.ending(ending, cursors.end_after(after), page_size(limit) + 1)
        shown = tuple(expiring_item(contract, now) for contract in found[:limit])
        if len(found) <= limit:
            return Page(shown, None)
        last = found[limit - 1]
        return Page(shown, cursors.end_cursor(EndKey(last["end_date"], last["account_id"])))

    async def count(
        self, *, status: StatusName | None = None, contract_type: ContractTypeName | None = None
    ) -> int:
        """The number of current contracts. Takes the same time for one as for millions."""
        tallies = await self._queries.tallies()
        return sum(
            times
            for (type_, status_), times in tallies.items()
            if contract_type in {None, type_} and status in {None, status_}
        )

    async def history(
        self, account_id: str, *, newest_first: bool = True, after: str | None = None, limit: int = PAGE
    ) -> Page[HistoryItem]:
        """The history of an account: every command with its outcome, and every change.

        Raises:
            InputRefused: `after` is not a cursor of a history, or `limit` is out of range.
        """
        sequence = cursors.sequence_after(after)
        found = await self._queries.history(
            account_id,
            after=None if newest_first else sequence,
            before=sequence if newest_first else None,
            newest_first=newest_first,
            limit=page_size(limit) + 1,
        )
        shown = tuple(item_of(entry) for entry in found[:limit])
        return Page(shown, cursors.sequence_cursor(shown[-1].sequence) if len(found) > limit else None)

    async def command(self, account_id: str, command_id: str, source: str) -> tuple[HistoryItem, ...]:
        """The history entries of the commands with this id, the latest first.

        There are several if it was sent more than once, or also from other sources. A pruned entry is found
        only by its `source`; its `command_id` is then None.
        """
        identity = entry_id(account_id, source, command_id)
        return tuple(map(item_of, await self._queries.commands(account_id, command_id, identity)))

    async def outcome(self, account_id: str, command_id: str, source: str) -> Seen | None:
        """The outcome of exactly this command; None: it is not applied yet, or was never sent."""
        identity = entry_id(account_id, source, command_id)
        return (await self._queries.seen([identity])).get(identity)

    async def at_version(self, contract_id: str, version: int) -> PastContract | None:
        """A contract, also a former one, at a version; None: it never had that version.

        Raises:
            ContractNotFound: there is no contract with this id.
            HistoryPruned: the history entries back to that version were pruned.
        """
        contract, _ = await self._stored(contract_id)
        if contract is None:
            raise ContractNotFound(f"there is no contract {contract_id}")
        return await past.at_version(self._queries, contract, version)

    async def as_of(self, account_id: str, moment: datetime) -> PastContract | None:
        """The account's contract at a time; None: there was none.

        What was due counts from its due time, not from the time at which it was applied; but never from
        before the command that made it due.

        Raises:
            HistoryPruned: the history entries back to that time were pruned.
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
        found = await self._queries.page(selection, cursors.account_after(after), page_size(limit) + 1)
        shown = tuple(found[:limit])
        more = cursors.account_cursor(shown[-1]["account_id"]) if len(found) > limit else None
        return Page(shown, more)

    async def _stored(self, contract_id: str) -> tuple[Contract | None, bool]:
        """A contract, and whether it is current.

        Read in this order, because a current contract may become a former one, and never the reverse.
        """
        contract = await self._queries.contract_by_id(contract_id)
        if contract is not None:
            return contract, True
        return await self._queries.former_by_id(contract_id), False
