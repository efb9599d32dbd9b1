"""What the engine needs of a store. `mongo.py` and `memory.py` implement it; one test suite runs on both.

A store keeps, per input partition, a *position* (where the fold of the log stands), and moves it in the same
transaction as the state that the fold produced, for several partitions at once. Nothing else makes the
service exactly-once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from decimal import Decimal

    from schemas.contract import Contract


GENERATION_SHIFT: Final = 48
"""A contract remembers the sequence number of its last command: generation and offset in one number."""


def base_of(generation: int) -> int:
    """What is added to offsets to make them sequence numbers, which grow through all generations."""
    return (generation - 1) << GENERATION_SHIFT


def place_of(sequence: int) -> tuple[int, int]:
    """The generation and the offset of a sequence number."""
    return (sequence >> GENERATION_SHIFT) + 1, sequence & ((1 << GENERATION_SHIFT) - 1)


class Seen(NamedTuple):
    """What became of a command that was applied before, and where: None for one of the present batch.

    `content` tells it from another command under the same id; None: it was stored before contents were kept.
    """

    outcome: str
    code: str | None
    contract_id: str | None
    version: int | None
    partition: int | None = None
    offset: int | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The log a position belongs to, and how accounts find their partition in it.

    A position is worthless in any other log, and two owners that look for an account in different
    partitions would both write it.
    """

    cluster: str
    group: str
    partitions: int
    partitioner: str = "murmur2"


@dataclass(frozen=True, slots=True)
class LastRecord:
    """The last record folded in: read again at a resume, it tells a re-created topic from the old one."""

    offset: int
    timestamp: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where the fold of one input partition stands.

    `next` is the consumer's position after the last batch, not the last offset plus one:
    transaction markers lie between. `generation` counts the re-creations of the topic that an
    operator accepted, so that offsets of different logs never meet in the history.

    `tallies` are of the contracts that the partition made: how many of each "type/status", and by
    "type/CURRENCY" what those bring in a month that are active or in renewal.
    """

    partition: str
    origin: Origin
    next: int
    generation: int = 1
    last: LastRecord | None = None
    tallies: Mapping[str, int | Decimal] = field(default_factory=dict)
    has_journal: bool = True
    """False: stored by version 0.1, which kept in its group's offset what is published."""

    @property
    def place(self) -> tuple[str, int]:
        """Topic and number of the partition."""
        topic, _, number = self.partition.rpartition("/")
        return topic, int(number)

    def base(self) -> int:
        """What is added to offsets to make them sequence numbers."""
        return base_of(self.generation)


class ContractWrite(NamedTuple):
    """One account's contract before and after a batch. None: there is none."""

    account_id: str
    before: Contract | None
    after: Contract | None


@dataclass(slots=True)
class HistoryEntry:
    """What became of one consumed record: audit trail, version history and dedupe index at once.

    `identity` is 16 bytes: of the command, or of the record's place in the log for what has none,
    was seen before, or is never deduplicated. `offset` is its sequence number (see Position.base).
    `changes` is JSON text: the fields each event changed. `content` is a hash of a command's type and data,
    where `identity` is the command's.
    """

    identity: bytes
    partition: int
    offset: int
    occurred_at: datetime
    outcome: str
    code: str | None = None
    account_id: str | None = None
    contract_id: str | None = None
    version: int | None = None
    type: str | None = None
    source: str | None = None
    command_id: str | None = None
    requested_by: str | None = None
    changes: str | None = None
    content: bytes | None = None


class Past(NamedTuple):
    """What is stored of some accounts beside their current contracts."""

    history: Sequence[HistoryEntry] = ()
    former: Sequence[Contract] = ()


NO_PAST: Final = Past()


OUTBOX_SLOTS: Final = 2
"""A batch is folded while the one before it is being published: at most two are unpublished at a time."""


class OutboxSlot(NamedTuple):
    """The outputs of the batch [first, next), as they are to be published.

    Slots are used in turn, so the outbox never grows; `frames` is made by producers/recordbatches.py.
    """

    number: int
    generation: int
    first: int
    next: int
    frames: bytes


class Stop(NamedTuple):
    """Why a partition is stopped, and the decision for it, if there is one."""

    problem: str
    decision: str | None


class Move(NamedTuple):
    """One partition's part of a batch: its position, which must be at `before`, and its outputs."""

    before: int
    position: Position
    outbox: OutboxSlot | None


@dataclass(frozen=True, slots=True)
class BatchWrites:
    """What a batch changes, of all its partitions. `rewritten` takes the place of what is stored already."""

    contracts: Sequence[ContractWrite]
    former: Sequence[Contract]
    history: Sequence[HistoryEntry]
    rewritten: Past = NO_PAST


SESSIONS: Final = 4
"""Transactions that one owner may have open side by side. A transaction keeps one connection and one core of
the server busy; more than four were no faster on the machines that it was measured on."""


class BatchTransaction(Protocol):
    """One batch's transaction: reads are of one snapshot, writes become visible together or not at all."""

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        """The current contracts of these accounts; accounts without one are left out."""

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        """Which of these commands are in the history already."""

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        """The accounts that have, or had, contracts with these ids; ids that nobody has had are left out."""

    async def past(self, accounts: Collection[str]) -> Past:
        """All that is stored of these accounts beside their current contracts."""

    async def write(self, writes: BatchWrites, moves: Sequence[Move]) -> None:
        """Writes the batch and moves the positions."""


class Store(Protocol):
    """The state of the fold.

    Every method may raise StoreUnavailable (wait and take over again). What else each raises is said there.
    """

    async def positions(self, partitions: Collection[str]) -> dict[str, Position]:
        """The positions of these partitions ("topic/number"), where there are any."""

    async def claim(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        """Makes `owner` the only writer of these partitions, and ends their owners' open transactions.

        Returns the positions that there are. Those that there are none of, nobody owns.
        """

    async def begin(self, position: Position, owner: str) -> None:
        """Stores the first position of a partition.

        Raises:
            Fenced: somebody else has, meanwhile.
        """

    async def owned(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        """The positions of these partitions, where there are any.

        Raises:
            Fenced: one of them has another owner by now.
        """

    async def note_stop(self, partition: str, owner: str, stop: Stop) -> None:
        """For operators to see, until the next claim; nothing happens where the owner is another by now."""

    async def stops(self, partitions: Collection[str]) -> dict[str, Stop]:
        """What was noted of these partitions since they were claimed."""

    def transaction(self, owner: str, lane: int) -> AbstractAsyncContextManager[BatchTransaction]:
        """One batch: applies, moves positions, commits at the end of the block.

        Args:
            owner: of all its partitions.
            lane: 0 to SESSIONS - 1; one transaction at a time in each.

        Raises:
            Fenced: another owner holds a partition, or the database went back.
            WriteConflict: a passing conflict; the whole block may be tried again.
            PoisonDocument: the database refuses one document of the batch.
            BatchTooLarge: too much for one transaction; try less.
            OutcomeUnknown: the commit may or may not have happened; take over again.
        """

    async def partition_count(self, topic: str) -> int | None:
        """How many partitions the topic had when its positions were made; None: it has no position."""

    async def disown(self, partitions: Collection[str]) -> None:
        """An operator's decision: what their owners have open can no longer commit."""

    async def replace_position(self, position: Position) -> None:
        """An operator's decision: puts the position there as it is, without an owner."""

    async def keep_outbox(self, partition: str, generations: tuple[int, int]) -> None:
        """An operator's decision: takes the slots of the first generation over into the second."""

    async def adopt_outbox(self, partition: str) -> None:
        """An operator's decision: takes over what version 0.1 has stored and not published."""

    async def outbox(self, partitions: Collection[str]) -> dict[str, list[OutboxSlot]]:
        """The slots of each of these partitions that may still be unpublished, by their first offset."""
