"""What readers, statistics and the scanner ask of the database. `mongo_queries.py` answers.

Every question may raise ServiceUnavailable: then the answer is unknown, not empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from consumer.storage.protocols import HistoryEntry, Seen
    from schemas.contract import Contract
    from schemas.types import ContractTypeName, StatusName


@dataclass(frozen=True, slots=True)
class Selection:
    """Which current contracts; None: all the same."""

    status: StatusName | None = None
    contract_type: ContractTypeName | None = None
    external_reference: str | None = None


class Ending(NamedTuple):
    """Running contracts that end after `after`, at `until` at the latest."""

    after: datetime
    until: datetime


class EndPlace(NamedTuple):
    """Where a listing by end date stopped."""

    end_date: datetime
    account_id: str


class Due(NamedTuple):
    """A contract with something due, and since when."""

    due_at: datetime
    account_id: str
    contract_id: str


class Revenue(NamedTuple):
    """What the running contracts of a type bring in a month, in one currency."""

    contract_type: ContractTypeName
    currency: str
    contracts: int
    monthly: Decimal


class EndingCount(NamedTuple):
    """How many contracts end in a window, the number of days of its far side."""

    window_days: int
    lapses: bool
    contracts: int


class ChangeCount(NamedTuple):
    """How often a change happened to contracts of a status; None: their status did not change with it."""

    change: str
    status_before: StatusName | None
    times: int


class Queries(Protocol):
    """Questions to one database."""

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
        """Those of these commands that the history has, by identity."""

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        """The accounts that have, or had, these contract ids; ids that nobody has are left out."""

    async def page(self, selection: Selection, after: str | None, limit: int) -> list[Contract]:
        """Contracts by account id, from the first after `after`."""

    async def ending(self, ending: Ending, after: EndPlace | None, limit: int) -> list[Contract]:
        """Contracts by end date and account id, from the first after `after`."""

    async def count_ending(self, ending: Ending) -> int:
        """How many contracts end in a span of time, counted in an index."""

    async def tallies(self) -> dict[tuple[ContractTypeName, StatusName], int]:
        """How many contracts there are of each type and status, without looking at them."""

    async def history(
        self, account_id: str, *, after: int | None, before: int | None, newest_first: bool, limit: int
    ) -> list[HistoryEntry]:
        """The account's entries between two sequence numbers, both left out, in order."""

    async def commands(self, account_id: str, command_id: str, identity: bytes) -> list[HistoryEntry]:
        """What the history has of a command, the latest first.

        The entry of this identity, even if it is pruned, and the account's entries that name the id.
        """

    async def revenue(self, now: datetime) -> list[Revenue]:
        """Monthly revenue of the contracts that run at `now`."""

    async def ending_counts(self, now: datetime, windows: Sequence[int]) -> list[EndingCount]:
        """Contracts that end within the largest of these windows, each counted in the smallest it fits."""

    async def change_counts(self, start: datetime, end: datetime) -> list[ChangeCount]:
        """How often each change took effect from `start` until before `end`. Reads the history."""

    async def running_at(self, moment: datetime) -> int:
        """How many contracts ran at a moment in the past. Reads the history since then."""

    def due(self, now: datetime, size: int) -> AsyncGenerator[list[Due], None]:
        """Contracts with something due at `now`, by due time, in pages of `size`.

        Each due contract is read once, however many there are; one that changes meanwhile may come twice
        or not at all.
        """

    async def partitions(self, topic: str) -> int | None:
        """How many partitions the topic had when its positions were made; None: it has no position."""

    async def applied(self, topic: str) -> Mapping[int, int]:
        """The offset of the next command to be applied, by partition of the topic."""
