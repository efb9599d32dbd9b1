"""Stores batches, each in one MongoDB transaction over some of the worker's partitions.

A command that MongoDB refuses must not stop other partitions: its batch is divided in halves until the
partition with this command is alone. Then its commands are halved until the refused command is alone, too.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from consumer.engine.apply import apply
from consumer.engine.records import Incoming, Undecodable
from consumer.engine.schedule import parts_of
from consumer.errors import (
    AheadOfPosition,
    BatchTooLarge,
    ContractIdTaken,
    ContractsError,
    DeadLetterLimit,
    Fenced,
    ForeignDocument,
    NewerSchema,
    OutcomeUnknown,
    PoisonDocument,
    PositionError,
    StoreError,
    StoreUnavailable,
    TornDatabase,
    WriteConflict,
)
from consumer.storage.protocols import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.domain.model import Policy
    from consumer.engine.apply import Applied, Share
    from consumer.engine.limits import Limits
    from consumer.engine.partition import Partition
    from consumer.kafka.recordbatches import RecordBatch
    from consumer.storage.protocols import Position, Store
    from consumer.telemetry.metrics import Metrics
    from consumer.telemetry.traces import BatchTrace, Traces

log = structlog.get_logger()

CONFLICT_TRIES: Final = 10

GIVE_UP_SECONDS: Final = 1.0
"""How long other batches can be stored before one that always fails leads to a takeover, in seconds."""


class Stored(NamedTuple):
    """A stored part of a batch that is not published yet, without its records.

    `outputs` None: they were published before. `timestamps`: its records', in milliseconds. `events`: how
    many of each name.
    """

    partition: Partition
    position: Position
    outputs: Sequence[RecordBatch] | None
    timestamps: Sequence[int]
    events: Mapping[str, int]
    trace: BatchTrace


class Storing:
    """Stores the waiting records of one worker."""

    def __init__(
        self, store: Store, *, policy: Policy, limits: Limits, metrics: Metrics, traces: Traces
    ) -> None:
        self._store = store
        self.owner = ""
        """Set by each takeover, see Takeover."""
        self._policy = policy
        self._limits = limits
        self._metrics = metrics
        self._traces = traces

    async def store(self, lane: int, partitions: Sequence[Partition]) -> list[Stored]:
        """Stores the next batch of these partitions; a partition that cannot continue is stopped.

        Raises:
            StoreError: take over again.
        """
        if not (shares := await self._shares(partitions)):
            return []
        try:
            return await self._transact(lane, shares)
        except (AheadOfPosition, BatchTooLarge, ForeignDocument, NewerSchema, PoisonDocument) as error:
            return await self._apart(lane, shares, error)
        except (OutcomeUnknown, StoreUnavailable, WriteConflict):
            await _isolate(shares)
            raise

    async def _shares(self, partitions: Sequence[Partition]) -> list[tuple[Partition, Share]]:
        waiting = [partition.intake.waiting for partition in partitions]
        shares = []
        for partition, most in zip(partitions, parts_of(self._limits.batch_commands, waiting), strict=True):
            try:
                shares.append((partition, await partition.share(most)))
            except DeadLetterLimit as error:
                await self.stop(partition, error)
        return shares

    async def _transact(self, lane: int, shares: Sequence[tuple[Partition, Share]]) -> list[Stored]:
        all_ids = False
        trace = self._traces.batch(self._metrics.stage)
        for tries_left in reversed(range(CONFLICT_TRIES)):
            try:
                async with self._store.transaction(self.owner, lane) as transaction:
                    applied = await apply(
                        transaction,
                        [share for _, share in shares],
                        policy=self._policy,
                        output_bytes=self._limits.batch_output_bytes,
                        all_ids=all_ids,
                        stage=trace.stage,
                    )
            except (ContractIdTaken, WriteConflict) as error:
                if not tries_left:
                    raise
                # With `all_ids`, a contract id that now belongs to another account is found.
                all_ids = all_ids or isinstance(error, ContractIdTaken)
                shares = [(partition, share.again()) for partition, share in shares]
            else:
                break
        return [self._stored(*pair, one, trace) for pair, one in zip(shares, applied, strict=True)]

    def _stored(self, partition: Partition, share: Share, applied: Applied, trace: BatchTrace) -> Stored:
        partition.stored(applied)
        _count(self._metrics, applied)
        records = share.records[: applied.records]
        timestamps = [decoded.record.timestamp for decoded in records]
        if applied.outputs is not None:
            trace.stored(records, applied.fold.history.entries)
        events = applied.fold.outputs.published
        return Stored(partition, applied.position, applied.outputs, timestamps, events, trace)

    async def _apart(
        self, lane: int, shares: Sequence[tuple[Partition, Share]], error: Exception
    ) -> list[Stored]:
        """Divides the batch in halves; with one partition, reacts to its error."""
        partitions = [partition for partition, _ in shares]
        if len(partitions) == 1:
            await self._narrow(*shares[0], error)
            return []
        middle = len(partitions) // 2
        first = await self.store(lane, partitions[:middle])
        return first + await self.store(lane, partitions[middle:])

    async def _narrow(self, partition: Partition, share: Share, error: Exception) -> None:
        """Makes the next batch smaller, or replaces the refused command by a dead letter."""
        records = share.records
        match error:
            case ForeignDocument():
                await self.stop(partition, error)
            case AheadOfPosition():
                await self.stop(partition, await _torn(self._store, self.owner, share, error))
            case PoisonDocument() if len(records) == 1 and isinstance(poison := records[0], Incoming):
                partition.dead_letter(_refused(poison))
            case BatchTooLarge() | NewerSchema() | PoisonDocument() if len(records) <= 1:
                await _give_up(partition, share, error)
            case _:
                if isinstance(error, PoisonDocument):
                    partition.batch_size.isolate(share.position.next, share.next)
                partition.batch_size.halve(len(records))

    async def stop(self, partition: Partition, error: ContractsError) -> None:
        """Stops the partition, and stores the reason for operators."""
        partition.stop(error)
        await self.note_stop(partition)

    async def note_stop(self, partition: Partition) -> None:
        """Stores the reason of the stop for operators: it is found only while applying the batch."""
        error = partition.error
        decision = error.decision if isinstance(error, PositionError) else None
        with suppress(StoreError):
            await self._store.note_stop(partition.position.partition, self.owner, Stop(str(error), decision))


async def _isolate(shares: Sequence[tuple[Partition, Share]]) -> None:
    """Perhaps the commands of one partition are only too slow: each is tried alone, with fewer commands.

    The same batch could fail forever, and hold all partitions up.
    """
    were_alone = all(partition.alone for partition, _ in shares)
    for partition, share in shares:
        partition.batch_size.isolate(share.position.next, share.next)
        partition.batch_size.halve(len(share.records))
    if were_alone:
        await asyncio.sleep(GIVE_UP_SECONDS)


async def _give_up(partition: Partition, share: Share, error: Exception) -> None:
    """Nothing is left to divide: tries it again alone, so that the partitions stored beside it go on."""
    if not partition.alone:
        partition.batch_size.isolate(share.position.next, share.next)
        return
    await asyncio.sleep(GIVE_UP_SECONDS)
    raise error


async def _torn(store: Store, owner: str, share: Share, error: AheadOfPosition) -> PositionError:
    """Checks the owner: an earlier owner would take the new owner's writes for an inconsistent backup.

    Raises:
        Fenced: the partition has another owner.
    """
    position = share.position
    stored = await store.owned([position.partition], owner)
    if stored[position.partition].next != position.next:
        raise Fenced(f"{position.partition} is not at {position.next} any more") from error
    return TornDatabase(*position.place, what=str(error), position=position.next)


def _count(metrics: Metrics, applied: Applied) -> None:
    fold = applied.fold
    metrics.batch(applied.records)
    for (name, outcome), count in fold.counts.items():
        metrics.command(name, outcome, count)
    for code, count in fold.dead_letters.items():
        metrics.dead_letter(code, count)
    for (metric, threshold), count in fold.outputs.limits_reached.items():
        metrics.limit_reached(metric, threshold, count)
    for (movement, currency), amount in fold.accounts.movements.amounts().items():
        metrics.revenue_moved(movement, currency, amount)
    metrics.forwarded(fold.forwarded)


def _refused(poison: Incoming) -> Undecodable:
    log.error("refused by the database", partition=poison.record.partition, offset=poison.record.offset)
    return Undecodable(
        code="refused_by_database",
        message="the database refuses what this command would store",
        path="",
        record=poison.record,
        envelope=poison.envelope,
        account_id=poison.command.account_id,
    )
