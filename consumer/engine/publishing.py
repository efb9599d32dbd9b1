"""Publishes stored outputs: all that wait, in one Kafka transaction together with the new progress."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time_ns
from typing import TYPE_CHECKING

from consumer.errors import PublishInDoubt
from consumer.kafka.journal_entries import Progress, Release, journal_batch, milliseconds_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.engine.apply import AppliedShare
    from consumer.engine.partition import Partition
    from consumer.engine.storing import Stored
    from consumer.kafka.publisher import Publisher
    from consumer.kafka.recordbatches import RecordBatch
    from consumer.storage.protocols import Position
    from consumer.telemetry.metrics import Metrics
    from consumer.telemetry.traces import Traces


class Publishing:
    """Publishes the batches of one worker.

    Args:
        publisher: started by a takeover.
        journal: name of the journal's topic.
        worker: id of the worker, written into the progress.
    """

    def __init__(
        self, publisher: Publisher, *, journal: str, worker: str, metrics: Metrics, traces: Traces
    ) -> None:
        self._publisher = publisher
        self._journal = journal
        self._worker = worker
        self._metrics = metrics
        self._traces = traces

    def open(self, applied: Iterable[AppliedShare]) -> None:
        """Begins the Kafka transaction while MongoDB still commits what it will publish."""
        new = [one for one in applied if one.outputs is not None]
        partitions = {(batch.topic, batch.partition) for one in new for batch in one.outputs or ()}
        partitions |= {(self._journal, one.position.topic_partition[1]) for one in new}
        if partitions:
            self._publisher.open(partitions)

    async def publish(self, stored: Sequence[Stored]) -> None:
        """Publishes these batches in one transaction, except those that were published before.

        Raises:
            LogError: take over again.
        """
        if new := [one for one in stored if one.outputs is not None]:
            await self._publish(new)
        for one in stored:
            one.partition.batch_size.published(one.position.next)

    async def _publish(self, new: Sequence[Stored]) -> None:
        batches = [batch for one in new for batch in one.outputs or ()]
        # If there are two batches of a partition, the later one has the progress.
        reached = {one.partition.number: one.position for one in new}
        since = time_ns()
        try:
            with self._metrics.stage("publish"):
                await self._publisher.publish([*batches, *self.progress(reached.values())])
        except PublishInDoubt:
            for one in new:  # perhaps they were only too many for Kafka to answer in time
                one.partition.batch_size.halve(len(one.timestamps))
            raise
        for one in new:
            one.partition.publication.unpublished_batches -= 1
        self._count(new, since)

    async def release(self, partitions: Iterable[Partition]) -> None:
        """Releases partitions in which everything stored is published.

        Raises:
            LogError: the next owner then ends this worker's transactions, which only takes longer.
        """
        now = milliseconds_now()
        entries = [
            journal_batch(
                self._journal,
                partition.number,
                Release(
                    partition.publication.committed(partition.position),
                    partition.position.generation,
                    self._worker,
                ),
                now,
            )
            for partition in partitions
        ]
        if entries:
            await self._publisher.publish(entries)

    def progress(self, positions: Iterable[Position]) -> list[RecordBatch]:
        """The progress entries of the journal: everything up to these positions is published."""
        now = milliseconds_now()
        return [
            journal_batch(
                self._journal,
                position.topic_partition[1],
                Progress(position.next, position.generation, self._worker),
                now,
            )
            for position in positions
        ]

    def _count(self, published: Sequence[Stored], since: int) -> None:
        traced = self._traces.published({one.trace: None for one in published}, since)
        now = datetime.now(UTC).timestamp()
        timestamps = [timestamp for one in published for timestamp in one.timestamps]
        self._metrics.latencies([now - timestamp / 1000 for timestamp in timestamps], traced)
        for one in published:
            for name, count in one.events.items():
                self._metrics.event(name, count)
