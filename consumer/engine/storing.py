"""Stores batches, each in one MongoDB transaction over some of the worker's partitions.

What is refused because of one partition must not stop the others: a batch that fails so is stored in
halves, until the partition at fault stands alone; only then are its commands halved, until the one that is
refused stands alone, too.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from consumer.engine.apply import apply
from consumer.engine.records import Incoming, Undecodable
from consumer.errors import (
    AheadOfPosition,
    BatchTooLarge,
    ContractIdTaken,
    ContractsError,
    DeadLetterLimit,
    Fenced,
    ForeignDocument,
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
    from consumer.engine.partition import Limits, Partition
    from consumer.kafka.recordbatches import RecordBatch
    from consumer.storage.protocols import Position, Store
    from consumer.telemetry.metrics import Metrics

log = structlog.get_logger()

CONFLICT_TRIES: Final = 10


class Stored(NamedTuple):
    """A partition's part of a batch on its way from the database to Kafka, without the records themselves.

    `outputs` None: they were published before. `timestamps`: its records', in milliseconds. `events`: how
    many of each name.
    """

    partition: Partition
    position: Position
    outputs: Sequence[RecordBatch] | None
    timestamps: Sequence[int]
    events: Mapping[str, int]


class Storing:
    """One worker's way from waiting records to committed state."""

    def __init__(self, store: Store, *, policy: Policy, limits: Limits, metrics: Metrics) -> None:
        self._store = store
        self.owner = ""
        """Set by each takeover: see there."""
        self._policy = policy
        self._limits = limits
        self._metrics = metrics

    async def store(self, lane: int, partitions: Sequence[Partition]) -> list[Stored]:
        """Stores the next batch of these partitions; one that cannot continue is stopped.

        Raises:
            StoreError: take over again.
        """
        shares = await self._shares(partitions)
        if not shares:
            return []
        try:
            return await self._transact(lane, shares)
        except (AheadOfPosition, BatchTooLarge, ForeignDocument, PoisonDocument) as error:
            return await self._apart(lane, shares, error)
        except StoreUnavailable:
            # Perhaps it was only too slow for this much: the same batch again could fail forever.
            for partition, share in shares:
                partition.halve(len(share.records))
            raise

    async def _shares(self, partitions: Sequence[Partition]) -> list[tuple[Partition, Share]]:
        most = -(-self._limits.batch_commands // len(partitions))
        shares = []
        for partition in partitions:
            try:
                shares.append((partition, await partition.share(most)))
            except DeadLetterLimit as error:
                await self.stop(partition, error)
        return shares

    async def _transact(self, lane: int, shares: Sequence[tuple[Partition, Share]]) -> list[Stored]:
        all_ids = False
        for tries_left in reversed(range(CONFLICT_TRIES)):
            try:
                async with self._store.transaction(self.owner, lane) as transaction:
                    applied = await apply(
                        transaction,
                        [share for _, share in shares],
                        policy=self._policy,
                        output_bytes=self._limits.batch_output_bytes,
                        all_ids=all_ids,
                        stage=self._metrics.stage,
                    )
            except (ContractIdTaken, WriteConflict) as error:
                if not tries_left:
                    raise
                # An id that is somebody else's by now shows when all are asked for.
                all_ids = all_ids or isinstance(error, ContractIdTaken)
                shares = [(partition, partition.again(share)) for partition, share in shares]
            else:
                break
        return [self._stored(*pair, one) for pair, one in zip(shares, applied, strict=True)]

    def _stored(self, partition: Partition, share: Share, applied: Applied) -> Stored:
        partition.stored(applied)
        fold = applied.fold
        self._metrics.batch(applied.records)
        for (name, outcome), count in fold.counts.items():
            self._metrics.command(name, outcome, count)
        for code, count in fold.dead_letters.items():
            self._metrics.dead_letter(code, count)
        for (metric, threshold), count in fold.outputs.limits_reached.items():
            self._metrics.limit_reached(metric, threshold, count)
        self._metrics.forwarded(fold.forwarded)
        records = share.records[: applied.records]
        timestamps = [decoded.record.timestamp for decoded in records]
        return Stored(partition, applied.position, applied.outputs, timestamps, fold.outputs.published)

    async def _apart(
        self, lane: int, shares: Sequence[tuple[Partition, Share]], error: Exception
    ) -> list[Stored]:
        """In halves; or, where one partition is left, what its error asks for."""
        partitions = [partition for partition, _ in shares]
        if len(partitions) == 1:
            await self._narrow(*shares[0], error)
            return []
        middle = len(partitions) // 2
        first = await self.store(lane, partitions[:middle])
        return first + await self.store(lane, partitions[middle:])

    async def _narrow(self, partition: Partition, share: Share, error: Exception) -> None:
        """The next batch is smaller, or has a dead letter instead of the refused command."""
        records = share.records
        match error:
            case BatchTooLarge() if len(records) <= 1:
                raise error
            case ForeignDocument():
                await self.stop(partition, error)
            case AheadOfPosition():
                await self.stop(partition, await self._torn(share, error))
            case PoisonDocument() if len(records) <= 1:
                poison = records[0] if records else None
                if not isinstance(poison, Incoming):
                    raise error
                partition.dead_letter(_refused(poison))
            case _:
                if isinstance(error, PoisonDocument):
                    partition.isolate(share.next)
                partition.halve(len(records))

    async def stop(self, partition: Partition, error: ContractsError) -> None:
        """Stops the partition, and stores the reason for operators."""
        partition.stop(error)
        await self.note_stop(partition)

    async def note_stop(self, partition: Partition) -> None:
        """Stores the reason of the stop for operators: without applying the batch, nobody else could tell."""
        error = partition.error
        decision = error.decision if isinstance(error, PositionError) else None
        with suppress(StoreError):
            await self._store.note_stop(partition.position.partition, self.owner, Stop(str(error), decision))

    async def _torn(self, share: Share, error: AheadOfPosition) -> PositionError:
        """A new owner's writes look torn to the old one, until it sees that the position is not its own.

        Raises:
            Fenced: so it is.
        """
        position = share.position
        stored = await self._store.owned([position.partition], self.owner)
        if stored[position.partition].next != position.next:
            raise Fenced(f"{position.partition} is not at {position.next} any more") from error
        return TornDatabase(*position.place, what=str(error), position=position.next)


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
