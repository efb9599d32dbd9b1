"""Applies batches: one MongoDB transaction each, that moves the position together with the state.

Smaller batches where the database demands it; a document that it refuses even alone becomes a dead
letter, so that one command never stalls its partition.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from consumer.domain.openings import OPENINGS, opened_id
from consumer.errors import (
    AheadOfPosition,
    BatchTooLarge,
    ContractIdTaken,
    DeadLetterLimit,
    Fenced,
    PoisonDocument,
    StoreUnavailable,
    TornDatabase,
    WriteConflict,
)
from consumer.pipeline.batch import IDENTITY_BYTES, Fold
from consumer.pipeline.records import Incoming, Undecodable
from consumer.pipeline.resume import moved
from consumer.storage.protocols import NO_PAST, OUTBOX_SLOTS, BatchWrites, OutboxSlot
from producers.recordbatches import BatchWriter, pack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.domain.model import Policy
    from consumer.metrics import Metrics
    from consumer.pipeline.cache import ContractCache
    from consumer.pipeline.encoder import Encoder
    from consumer.pipeline.records import Decoded
    from consumer.pipeline.resume import Resumed
    from consumer.storage.protocols import BatchTransaction, Position, Seen, Store
    from producers.recordbatches import RecordBatch
    from schemas.contract import Contract

log = structlog.get_logger()

SLICE: Final = 200
"""Records handled between two turns of the event loop: about 20 ms, so that heartbeats stay on time."""

FIRST_BATCH: Final = 250
"""Commands in the first batch after a resume; each success doubles it up to the limit. A database that has
just come up, or whose empty collections are being filled by many partitions at once, answers large
batches so slowly that they could time out again and again."""

CONFLICT_TRIES: Final = 10


class Limits(NamedTuple):
    """Sizes of a batch, and when the dead letters are too many."""

    batch_commands: int = 1_000
    batch_output_bytes: int = 8 << 20
    dead_letter_share: float = 0.5
    dead_letter_count: int = 100
    dead_letter_window: int = 1_000
    dead_letter_limit_off: bool = False


class Intake:
    """Decoded records that wait to be applied, and the position after the last of them."""

    def __init__(self) -> None:
        self.records: deque[Decoded] = deque()
        self.next = 0

    def take(self, limit: int, replay_to: int | None) -> tuple[list[Decoded], int]:
        """The records of the next batch, and the position after it.

        While replaying, nothing reaches beyond the committed offset `replay_to`: what is published
        starts exactly there.
        """
        taken: list[Decoded] = []
        for decoded in self.records:
            offset = decoded.record.offset
            if replay_to is not None and offset >= replay_to:
                return taken, replay_to
            if len(taken) == limit:
                return taken, offset
            taken.append(decoded)
        return taken, self.next if replay_to is None else min(self.next, replay_to)

    def done(self, count: int) -> None:
        """The first `count` records are applied."""
        for _ in range(count):
            self.records.popleft()


class Batch(NamedTuple):
    """What is left of an applied batch on its way to Kafka: the records themselves would be megabytes.

    `outputs` None: it was published before. `timestamps`: its records', in milliseconds. `events`: how
    many of each name.
    """

    position: Position
    outputs: list[RecordBatch] | None
    timestamps: Sequence[int]
    events: Mapping[str, int]


class Applier:
    """One owner's way from waiting records to committed state."""

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        *,
        owner: str,
        policy: Policy,
        limits: Limits,
        cache: ContractCache,
        compression: str,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._owner = owner
        self._policy = policy
        self._limits = limits
        self.batch_commands = limits.batch_commands
        """The most that one batch takes: more need not be waiting."""
        self._compression = compression
        self._metrics = metrics
        self._cache = cache
        self._recent_dead: deque[bool] = deque(maxlen=limits.dead_letter_window)
        self._batch_limit = self.batch_commands
        self._isolating = False
        self._id_conflicts = 0
        self._slot = 0
        self._position: Position
        self._publish_from = 0
        self.intake = Intake()

    def go_on_from(self, resumed: Resumed) -> None:
        """Starts afresh: what was cached or waiting belongs to another life."""
        self._position, self._publish_from = resumed
        self._cache.clear()
        self._isolating = False
        self.intake = Intake()
        self._batch_limit = min(self._batch_limit, FIRST_BATCH)

    async def apply(self) -> Batch:
        """Applies the next batch of the waiting records.

        Raises:
            DeadLetterLimit, TornDatabase: the partition must stand still.
            StoreError: resume.
        """
        conflicts = 0
        while True:
            records, to = self.intake.take(self._batch_limit, self._replay_to())
            self._check_dead_letters(records)
            try:
                return await self._transact(records, to)
            except WriteConflict:
                conflicts += 1
                if conflicts >= CONFLICT_TRIES:
                    raise
            except BatchTooLarge:
                if len(records) <= 1:
                    raise
                self._batch_limit = len(records) // 2
            except StoreUnavailable:
                # Perhaps it was only too slow for this much: the same batch again could fail for ever.
                self._batch_limit = max(1, len(records) // 2)
                raise
            except PoisonDocument as error:
                self._refused(records, error)
            except AheadOfPosition as error:
                raise await self._torn_or_fenced(error) from error

    def _replay_to(self) -> int | None:
        """The committed offset, while what lies before it is applied again without publishing."""
        return self._publish_from if self._position.next < self._publish_from else None

    async def _transact(self, records: list[Decoded], to: int) -> Batch:
        position = self._position
        writer = None if self._replay_to() is not None else BatchWriter(self._compression)
        async with self._store.transaction(
            position.partition, owner=self._owner, expected=position.next
        ) as transaction:
            fold = await self._load(transaction, records, writer)
            folded = await self._fold(fold, records)
            if folded < len(records):
                records, to = records[:folded], records[folded].record.offset
            last = records[-1].record if records else None
            target = moved(position, to, last, fold.tallies)
            outputs = fold.finish()
            outbox = outputs and OutboxSlot(self._slot, position.generation, position.next, to, pack(outputs))
            with self._metrics.stage("store"):
                await transaction.write(
                    BatchWrites(fold.writes(), fold.former, fold.history, outbox or None, fold.rewritten()),
                    target,
                )
        self._settle(target, records, fold)
        return Batch(target, outputs, [decoded.record.timestamp for decoded in records], fold.published)

    async def _load(
        self, transaction: BatchTransaction, records: list[Decoded], writer: BatchWriter | None
    ) -> Fold:
        commands = [decoded for decoded in records if isinstance(decoded, Incoming)]
        accounts = {incoming.command.account_id for incoming in commands}
        identities = {
            incoming.command.identity[:IDENTITY_BYTES] for incoming in commands if incoming.spec.deduplicated
        }
        to_erase = {incoming.command.account_id for incoming in commands if incoming.command.name == "erase"}
        with self._metrics.stage("load"):
            contracts = self._cache.known(accounts)
            unknown = accounts - contracts.keys()
            loaded = await transaction.contracts(unknown)
            seen = await transaction.seen(identities)
            past = await transaction.past(to_erase) if to_erase else NO_PAST
            holders = await transaction.holders(_opened_ids(commands, all_of_them=self._id_conflicts > 0))
        self._check_torn(loaded, seen)
        contracts |= {account: loaded.get(account) for account in unknown}
        return Fold(
            contracts=contracts,
            seen=seen,
            tallies=self._position.tallies,
            policy=self._policy,
            encoder=self._encoder,
            writer=writer,
            generation=self._position.generation,
            past=past,
            holders=holders,
        )

    async def _fold(self, fold: Fold, records: list[Decoded]) -> int:
        """Folds the records in until they are done or the outputs are large; how many were folded."""
        with self._metrics.stage("fold"):
            for number, decoded in enumerate(records, start=1):
                fold.add(decoded)
                if fold.output_bytes() >= self._limits.batch_output_bytes:
                    return number
                if number % SLICE == 0:
                    await asyncio.sleep(0)
        return len(records)

    def _check_torn(self, loaded: dict[str, Contract], seen: dict[bytes, Seen]) -> None:
        """Nothing that was read may lie ahead of the position: the dump would be of two moments."""
        after = self._position.base() + self._position.next
        _, partition = self._position.place
        for contract in loaded.values():
            offset = contract["lifecycle"]["offset"]
            if offset >= after:
                raise AheadOfPosition(f"contract {contract['contract_id']} has applied offset {offset}")
        for place in seen.values():
            if place.partition == partition and place.offset is not None and place.offset >= after:
                raise AheadOfPosition(f"the history has offset {place.offset}")

    async def _torn_or_fenced(self, error: AheadOfPosition) -> TornDatabase | Fenced:
        """A new owner's writes look torn to the old one, until it sees that the position has moved, too."""
        stored = await self._store.position(self._position.partition)
        if stored is None or stored.next != self._position.next:
            return Fenced(f"{self._position.partition} is not at {self._position.next} any more")
        return TornDatabase(*self._position.place, what=str(error), position=self._position.next)

    def _refused(self, records: list[Decoded], error: PoisonDocument) -> None:
        """An id that is somebody else's by now, or that of a new contract, shows when all are asked for."""
        if isinstance(error, ContractIdTaken) and self._id_conflicts < CONFLICT_TRIES:
            self._id_conflicts += 1
        else:
            self._isolate(records, error)

    def _isolate(self, records: list[Decoded], error: PoisonDocument) -> None:
        """Finds the document that the database refuses by halving, and puts a dead letter in its place."""
        self._isolating = len(records) > 1
        if self._isolating:
            self._batch_limit = len(records) // 2
            return
        poison = records[0] if records else None
        if not isinstance(poison, Incoming):
            raise error
        log.error("refused by the database", partition=poison.record.partition, offset=poison.record.offset)
        self._batch_limit = self.batch_commands
        self.intake.records[0] = Undecodable(
            code="refused_by_database",
            message="the database refuses what this command would store",
            path="",
            record=poison.record,
            envelope=poison.envelope,
            account_id=poison.command.account_id,
        )

    def _check_dead_letters(self, records: list[Decoded]) -> None:
        """Stops before the batch with which the dead letters become too many: its producer must be wrong."""
        limits = self._limits
        replaying = self._replay_to() is not None  # it was let pass then, and nothing is published
        if (
            replaying
            or limits.dead_letter_limit_off
            or not any(isinstance(one, Undecodable) for one in records)
        ):
            return
        window, total = deque(self._recent_dead, limits.dead_letter_window), sum(self._recent_dead)
        for decoded in records:
            if len(window) == limits.dead_letter_window:
                total -= window[0]
            window.append(isinstance(decoded, Undecodable))
            total += window[-1]
            if total > limits.dead_letter_count and total > limits.dead_letter_share * len(window):
                raise DeadLetterLimit(*self._position.place, dead=total, window=len(window))

    def _settle(self, position: Position, records: Sequence[Decoded], fold: Fold) -> None:
        """Takes note of a committed batch."""
        self._position = position
        self._id_conflicts = 0
        self._cache.update(fold.contracts)
        self.intake.done(len(records))
        if not self._isolating:
            self._batch_limit = min(2 * self._batch_limit, self.batch_commands)
        self._recent_dead.extend(isinstance(decoded, Undecodable) for decoded in records)
        self._slot = (self._slot + 1) % OUTBOX_SLOTS
        self._metrics.batch(len(records))
        for (name, outcome), count in fold.counts.items():
            self._metrics.command(name, outcome, count)
        for code, count in fold.dead_letters.items():
            self._metrics.dead_letter(code, count)
        self._metrics.forwarded(fold.forwarded)


def _opened_ids(commands: Sequence[Incoming], *, all_of_them: bool) -> set[str]:
    """The contract ids that commands bring along; those that the service makes are hardly ever another's."""
    return {
        opened_id(incoming.command, incoming.at)
        for incoming in commands
        if incoming.command.name == "adopt" or (all_of_them and incoming.command.name in OPENINGS)
    }
