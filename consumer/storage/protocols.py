"""What the engine needs of a store. `mongo.py` and `memory.py` implement it; one test suite runs on both.

A store keeps a *position* for each partition of the command topic: the offset of the next command. It changes
the position in the same transaction as the contracts that the commands change, for several partitions at
once. This makes the service exactly-once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from consumer.storage.history import NO_PAST, Chain, Past

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from decimal import Decimal

    from consumer.storage.history import HistoryEntry, Seen
    from consumer.storage.movements import Tallied
    from schemas.contract import Contract


GENERATION_SHIFT: Final = 48
"""A contract stores the sequence number of its last command: generation and offset in one number."""


def base_of(generation: int) -> int:
    """The number to add to offsets to get sequence numbers, which grow through all generations."""
    return (generation - 1) << GENERATION_SHIFT


def split_sequence(sequence: int) -> tuple[int, int]:
    """The generation and the offset of a sequence number."""
    return (sequence >> GENERATION_SHIFT) + 1, sequence & ((1 << GENERATION_SHIFT) - 1)


@dataclass(frozen=True, slots=True)
class Origin:
    """The log that a position belongs to, and how accounts find their partition in it.

    A position is valid in this log only. Two owners that look for an account in different partitions would
    both write it.
    """

    cluster: str
    group: str
    partitions: int
    partitioner: str = "murmur2"


@dataclass(frozen=True, slots=True)
class LastRecord:
    """The last applied record. A takeover reads it again to detect that the topic was created again."""

    offset: int
    timestamp: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Position:
    """The position of one partition.

    `next` is the offset that the consumer reads next. It can be more than the last offset plus one, because
    transaction markers also have offsets. `generation` counts how often an operator accepted that the topic
    was created again, so that offsets of different logs differ in the history.

    `tallies` count the contracts of the partition: their number by "type/status", and by "type/CURRENCY" the
    monthly revenue of those that are active or in renewal.
    """

    partition: str
    origin: Origin
    next: int
    generation: int = 1
    last: LastRecord | None = None
    tallies: Mapping[str, int | Decimal] = field(default_factory=dict)
    chain: Chain | None = None
    """None: no entry of the partition's history has a hash yet."""
    has_journal: bool = True
    """False: stored by version 0.1, which kept the progress in the offset of its group."""

    @property
    def topic_partition(self) -> tuple[str, int]:
        """Topic and number of the partition."""
        topic, _, number = self.partition.rpartition("/")
        return topic, int(number)

    def base(self) -> int:
        """The number to add to offsets to get sequence numbers."""
        return base_of(self.generation)


class ContractWrite(NamedTuple):
    """One account's contract before and after a batch. None: there is none."""

    account_id: str
    before: Contract | None
    after: Contract | None


OUTBOX_SLOTS: Final = 2
"""Number of slots. A batch is folded while the one before is published: at most two are unpublished."""


class OutboxSlot(NamedTuple):
    """The outputs of the batch [first, next), as they are to be published.

    Slots are used in turn, so the outbox never grows. `frames` are record batches, see
    consumer/kafka/recordbatches.py.
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
    """The part of a batch for one partition: its position, which must still be `before`, and its outputs."""

    before: int
    position: Position
    outbox: OutboxSlot | None


@dataclass(frozen=True, slots=True)
class BatchWrites:
    """The changes of a batch, for all its partitions. `rewritten` replaces what is stored.

    `movements` are added to what is stored.
    """

    contracts: Sequence[ContractWrite]
    former: Sequence[Contract]
    history: Sequence[HistoryEntry]
    rewritten: Past = NO_PAST
    movements: Sequence[Tallied] = ()


SESSIONS: Final = 4
"""Number of transactions that one owner may have open at the same time.

A transaction keeps one connection and one core of the server busy; more than four were no faster on the
machines of the measurement.
"""


class BatchTransaction(Protocol):
    """The transaction of one batch: reads are of one snapshot, and all writes become visible together."""

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        """The current contracts of these accounts; accounts without one are left out."""

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        """Which of these commands are in the history already."""

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        """The accounts that have, or had, contracts with these ids; ids of no account are left out."""

    async def past(self, accounts: Collection[str]) -> Past:
        """Everything that is stored for these accounts in addition to their current contracts."""

    async def write(self, writes: BatchWrites, moves: Sequence[Move]) -> None:
        """Writes the batch and its positions."""


class Store(Protocol):
    """What the engine stores: positions, contracts, history and outbox.

    Every method may raise StoreUnavailable (wait and take over again). Each docstring names the other errors.
    """

    async def positions(self, partitions: Collection[str]) -> dict[str, Position]:
        """The positions of these partitions ("topic/number"); those without a position are left out."""

    async def claim(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        """Makes `owner` the owner of these partitions, and ends open transactions of their earlier owners.

        Returns their positions. A partition without a position has no owner.
        """

    async def begin(self, position: Position, owner: str) -> None:
        """Stores the first position of a partition.

        Raises:
            Fenced: another worker has stored one meanwhile.
        """

    async def owned(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        """The positions of these partitions; those without a position are left out.

        Raises:
            Fenced: one of them has another owner.
        """

    async def note_stop(self, partition: str, owner: str, stop: Stop) -> None:
        """Stores why a partition is stopped, for operators, until the next claim.

        If the owner is another, it does nothing.
        """

    async def stops(self, partitions: Collection[str]) -> dict[str, Stop]:
        """Why these partitions are stopped, as noted since their last claim."""

    def transaction(self, owner: str, lane: int) -> AbstractAsyncContextManager[BatchTransaction]:
        """One batch: stores its changes and positions, and commits at the end of the block.

        Args:
            owner: owner of all its partitions.
            lane: 0 to SESSIONS - 1; one transaction at a time in each.

        Raises:
            Fenced: another worker is the owner of a partition, or the database was restored.
            WriteConflict: a conflict with another transaction; the whole block may be tried again.
            PoisonDocument: MongoDB refuses one document of the batch.
            BatchTooLarge: too much for one transaction; try a smaller batch.
            OutcomeUnknown: it is not known whether the commit happened; take over again.
        """

    async def partition_count(self, topic: str) -> int | None:
        """The partition count when the topic's positions were stored; None: it has no position."""

    async def disown(self, partitions: Collection[str]) -> None:
        """For an operator's decision: after this, open transactions of the owners can no longer commit."""

    async def replace_position(self, position: Position) -> None:
        """For an operator's decision: stores this position, without an owner."""

    async def keep_outbox(self, partition: str, generations: tuple[int, int]) -> None:
        """For an operator's decision: moves the slots of the first generation to the second."""

    async def adopt_outbox(self, partition: str) -> None:
        """For an operator's decision: takes over the outputs that version 0.1 had stored, not published."""

    async def outbox(self, partitions: Collection[str]) -> dict[str, list[OutboxSlot]]:
        """The slots of each of these partitions that may be unpublished, in order of their first offset."""
