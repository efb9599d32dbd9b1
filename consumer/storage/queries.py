"""The queries of readers, statistics and scanner. `mongo_queries.py` implements them.

Every query may raise ServiceUnavailable: then the answer is not known, and not empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from consumer.storage.protocols import base_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from consumer.storage.history import HistoryEntry, Seen
    from consumer.storage.movements import RevenueMovements
    from schemas.contract import Contract
    from schemas.types import ContractTypeName, StatusName


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter for current contracts; None: all values."""

    status: StatusName | None = None
    contract_type: ContractTypeName | None = None
    external_reference: str | None = None


class Ending(NamedTuple):
    """Running contracts that end after `after`, and at `until` at the latest."""

    after: datetime
    until: datetime


class EndKey(NamedTuple):
    """The last entry of a page of a listing by end date."""

    end_date: datetime
    account_id: str


class AppliedPosition(NamedTuple):
    """How far a partition of the log is applied: which log it is, and the offset of the next command."""

    generation: int
    next: int

    @property
    def sequence(self) -> int:
        """The sequence number of the next command."""
        return base_of(self.generation) + self.next


class Due(NamedTuple):
    """A contract with a due change, and its due time."""

    due_at: datetime
    account_id: str
    contract_id: str


class Revenue(NamedTuple):
    """The monthly revenue of the running contracts of a type, in one currency."""

    contract_type: ContractTypeName
    currency: str
    contracts: int
    monthly: Decimal


class EndingCount(NamedTuple):
    """The number of contracts that end in a window; `window_days` is the number of days of its far end."""

    window_days: int
    lapses: bool
    contracts: int


class MonthEnding(NamedTuple):
    """The contracts of a type and currency that end in a month (`YYYY-MM`, UTC), and renew or lapse then."""

    month: str
    lapses: bool
    contract_type: ContractTypeName
    currency: str
    contracts: int
    monthly: Decimal


class ChangeCount(NamedTuple):
    """How often a change happened to contracts of a status; None: the change did not change the status."""

    change: str
    status_before: StatusName | None
    times: int


class Queries(Protocol):
    """Queries on one database."""

    async def contract(self, account_id: str) -> Contract | None:
        """The account's current contract."""

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        """The current contracts of these accounts; accounts without one are left out."""

    async def contract_by_id(self, contract_id: str) -> Contract | None:
        """A current contract."""

    async def former_by_id(self, contract_id: str) -> Contract | None:
        """A replaced or deleted contract, in its last state."""

    async def former_of(self, account_id: str) -> list[Contract]:
        """The account's replaced and deleted contracts, the latest first."""

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        """The history entries of those of these commands that have one, by identity."""

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        """The accounts that have, or had, these contract ids; ids that no account has had are left out."""

    async def page(self, selection: Selection, after: str | None, limit: int) -> list[Contract]:
        """Contracts by account id, from the first after `after`."""

    async def ending(self, ending: Ending, after: EndKey | None, limit: int) -> list[Contract]:
        """Contracts by end date and account id, from the first after `after`."""

    async def count_ending(self, ending: Ending) -> int:
        """How many contracts end in a span of time, counted in an index."""

    async def tallies(self) -> dict[tuple[ContractTypeName, StatusName], int]:
        """The number of contracts by type and status, without reading them."""

    async def history(
        self, account_id: str, *, after: int | None, before: int | None, newest_first: bool, limit: int
    ) -> list[HistoryEntry]:
        """The account's entries between two sequence numbers, both left out, in order."""

    async def commands(self, account_id: str, command_id: str, identity: bytes) -> list[HistoryEntry]:
        """The history entries of a command, the latest first.

        The entry with this identity, even if it is pruned, and the account's entries with this command id.
        """

    async def revenue(self, now: datetime) -> list[Revenue]:
        """Monthly revenue of the contracts that run at `now`."""

    async def movements(self, since: str) -> RevenueMovements:
        """What contracts bring, and what moved it on a day (`YYYY-MM-DD`) and later: as of one moment."""

    async def ending_counts(self, now: datetime, windows: Sequence[int]) -> list[EndingCount]:
        """Contracts that end within the largest of these windows, each counted in the smallest it fits."""

    async def ending_months(self, ending: Ending) -> list[MonthEnding]:
        """Contracts that end in a span of time, and what they bring, by month. Reads these contracts."""

    async def change_counts(self, start: datetime, end: datetime) -> list[ChangeCount]:
        """How often each change took effect from `start` until before `end`. Reads the history."""

    async def running_at(self, moment: datetime) -> int:
        """How many contracts ran at a time in the past. Reads the history since then."""

    def due(self, now: datetime, size: int) -> AsyncGenerator[list[Due], None]:
        """Contracts with a change due at `now`, in order of due time, in pages of `size`.

        Each due contract is read once. One that changes during the query may come twice or not at all.
        """

    async def partitions(self, topic: str) -> int | None:
        """The partition count when the topic's positions were stored; None: it has no position."""

    async def applied(self, topic: str) -> Mapping[int, AppliedPosition]:
        """How far each partition of the topic is applied."""
