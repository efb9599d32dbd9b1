"""Publishes what is stored: all of it that waits, in one Kafka transaction with the progress it makes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from consumer.kafka.journal_entries import Progress, Release, journal_batch, milliseconds_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.engine.partition import Partition
    from consumer.engine.storing import Stored
    from consumer.kafka.publisher import Publisher
    from consumer.kafka.recordbatches import RecordBatch
    from consumer.storage.protocols import Position
    from consumer.telemetry.metrics import Metrics


class Publishing:
    """One worker's way from the database to Kafka.

    Args:
        publisher: started by a takeover.
        journal: name of the journal's topic.
        worker: who makes the progress.
    """

    def __init__(self, publisher: Publisher, *, journal: str, worker: str, metrics: Metrics) -> None:
        self._publisher = publisher
        self._journal = journal
        self._worker = worker
        self._metrics = metrics

    async def publish(self, stored: Sequence[Stored]) -> None:
        """All or nothing; what was published in an earlier life is passed by.

        Raises:
            LogError: take over again.
        """
        new = [one for one in stored if one.outputs is not None]
        batches = [batch for one in new for batch in one.outputs or ()]
        # Of two batches of a partition the later one counts.
        reached = {one.partition.number: one.position for one in new}
        if new:
            with self._metrics.stage("publish"):
                await self._publisher.publish([*batches, *self.progress(reached.values())])
        for one in new:
            one.partition.unpublished -= 1
            self._count(one)

    async def release(self, partitions: Iterable[Partition]) -> None:
        """The last word about partitions in which everything stored is published.

        Raises:
            LogError: whoever comes next ends this worker's transactions then, which is only slower.
        """
        now = milliseconds_now()
        entries = [
            journal_batch(
                self._journal,
                partition.number,
                Release(partition.committed, partition.position.generation, self._worker),
                now,
            )
            for partition in partitions
        ]
        if entries:
            await self._publisher.publish(entries)

    def progress(self, positions: Iterable[Position]) -> list[RecordBatch]:
        """The journal's entries that say: everything up to these positions is published."""
        now = milliseconds_now()
        return [
            journal_batch(
                self._journal,
                position.place[1],
                Progress(position.next, position.generation, self._worker),
                now,
            )
            for position in positions
        ]

    def _count(self, stored: Stored) -> None:
        now = datetime.now(UTC).timestamp()
        self._metrics.latencies([now - timestamp / 1000 for timestamp in stored.timestamps])
        for name, count in stored.events.items():
            self._metrics.event(name, count)
