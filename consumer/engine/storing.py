"""Stores batches, each in one MongoDB transaction over some of the worker's partitions.

If MongoDB refuses a batch, it is divided in halves until the partition at fault is alone: see refusals.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.engine.apply import apply
from consumer.engine.refusals import narrow, try_alone
from consumer.engine.schedule import parts_of
from consumer.engine.stops import Stops
from consumer.errors import (
    AheadOfPosition,
    BatchTooLarge,
    ContractIdTaken,
    DeadLetterLimit,
    ForeignDocument,
    NewerSchema,
    OutcomeUnknown,
    PoisonDocument,
    StoreUnavailable,
    WriteConflict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from consumer.domain.model import Policy
    from consumer.engine.apply import AppliedShare, Share
    from consumer.engine.limits import Limits
    from consumer.engine.partition import Partition
    from consumer.errors import ContractsError
    from consumer.kafka.recordbatches import RecordBatch
    from consumer.storage.protocols import Position, Store
    from consumer.telemetry.metrics import Metrics
    from consumer.telemetry.traces import BatchTrace, Traces

CONFLICT_TRIES: Final = 10

LOOK_UPS: Final = 64
"""Number of batches after a repeated command that look commands up first: more of them may follow, and each
costs a batch a second try."""

_CONFLICTS: Final = (ContractIdTaken, WriteConflict)
"""Another transaction has written the same: the next try may find what that was."""

_UNKNOWN: Final = (*_CONFLICTS, AheadOfPosition, PoisonDocument)
"""What a command that was applied before can be refused for if it was not looked up."""

_REFUSED: Final = (AheadOfPosition, BatchTooLarge, ForeignDocument, NewerSchema, PoisonDocument)
"""One partition is at fault, and nothing is stored: the others can go on."""

_NO_ANSWER: Final = (OutcomeUnknown, StoreUnavailable, WriteConflict)
"""Take over again. It could be the same each time because of one partition."""


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

    @property
    def bytes(self) -> int:
        """Of the outputs."""
        return sum(len(batch.body) for batch in self.outputs or ())


class Storing:
    """Stores the waiting records of one worker.

    Args:
        before_commit: called with a batch's results when only its commit is left to do.
    """

    def __init__(
        self,
        store: Store,
        *,
        policy: Policy,
        limits: Limits,
        metrics: Metrics,
        traces: Traces,
        before_commit: Callable[[Sequence[AppliedShare]], None],
    ) -> None:
        self._store = store
        self.owner = ""
        """Set by each takeover, see Takeover."""
        self._policy = policy
        self._limits = limits
        self._metrics = metrics
        self._traces = traces
        self._before_commit = before_commit
        self._look_ups = 0
        """For how many more batches commands are looked up first."""
        self.stops = Stops(store)

    async def store(self, lane: int, partitions: Sequence[Partition]) -> list[Stored]:
        """Stores the next batch of these partitions; a partition that cannot continue is stopped.

        Raises:
            StoreError: take over again.
        """
        shares = await self._shares(partitions)
        if not shares:
            return []
        try:
            return await self._transact(lane, shares)
        except _REFUSED as error:
            return await self._divide(lane, shares, error)
        except _NO_ANSWER:
            await try_alone(shares)
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
        look_up = self._look_ups > 0
        self._look_ups -= look_up
        trace = self._traces.batch(self._metrics.stage)
        for tries_left in reversed(range(CONFLICT_TRIES)):
            try:
                async with self._store.transaction(self.owner, lane) as transaction:
                    applied = await apply(
                        transaction,
                        [share for _, share in shares],
                        policy=self._policy,
                        output_bytes=self._limits.batch_output_bytes,
                        look_up=look_up,
                        stage=trace.stage,
                    )
                    self._before_commit(applied)
            except _UNKNOWN as error:
                if not tries_left or (look_up and not isinstance(error, _CONFLICTS)):
                    raise
                look_up = True
                if not isinstance(error, WriteConflict):
                    self._look_ups = LOOK_UPS
                shares = [(partition, share.again()) for partition, share in shares]
            else:
                break
        return [self._stored(*pair, one, trace) for pair, one in zip(shares, applied, strict=True)]

    def _stored(self, partition: Partition, share: Share, applied: AppliedShare, trace: BatchTrace) -> Stored:
        partition.stored(applied)
        partition.batch_size.stored()
        self._metrics.partitions.stored(partition.number, applied.position.tallies)
        _count(self._metrics, applied)
        records = share.records[: applied.records]
        timestamps = [decoded.record.timestamp for decoded in records]
        if applied.outputs is not None:
            trace.stored(records, applied.fold.history.entries)
        events = applied.fold.outputs.published
        return Stored(partition, applied.position, applied.outputs, timestamps, events, trace)

    async def _divide(
        self, lane: int, shares: Sequence[tuple[Partition, Share]], error: Exception
    ) -> list[Stored]:
        """Stores each half of the partitions by itself. One partition alone has a smaller batch next time."""
        if len(shares) == 1:
            ((partition, share),) = shares
            if problem := await narrow(partition, share, error, self._store, self.owner):
                await self.stop(partition, problem)
            return []
        partitions = [partition for partition, _ in shares]
        middle = len(partitions) // 2
        first = await self.store(lane, partitions[:middle])
        return first + await self.store(lane, partitions[middle:])

    async def stop(self, partition: Partition, error: ContractsError) -> None:
        """Stops the partition, and stores the reason for operators."""
        partition.stop(error)
        await self.note_stop(partition)

    async def note_stop(self, partition: Partition) -> None:
        """Stores the reason of the stop for operators: it is found only while applying the batch."""
        await self.stops.note(partition, self.owner)


def _count(metrics: Metrics, applied: AppliedShare) -> None:
    fold = applied.fold
    metrics.batch(applied.records)
    for (name, outcome), count in fold.counts.items():
        metrics.command(name, outcome, count)
    for code, count in fold.dead_letters.items():
        metrics.dead_letter(code, count)
    for (metric, threshold), count in fold.outputs.limits_reached.items():
        metrics.limit_reached(metric, threshold, count)
    for (movement, currency), amount in fold.accounts.movements.amounts().items():
        metrics.revenue_movement(movement, currency, amount)
    metrics.forwarded(fold.forwarded)
