"""How far the service has published, as its journal tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.topics import POSITIONS

if TYPE_CHECKING:
    from benchmarks.world import Run

BATCH = 10_000


class JournalWatcher:
    """Follows the journal of a run with a consumer that sees what is committed."""

    def __init__(self, run: Run) -> None:
        topic = run.prefix + POSITIONS
        self._consumer = Consumer(
            {
                "bootstrap.servers": run.world.kafka.bootstrap,
                "group.id": f"{run.name}-journal",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )
        self._consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(run.partitions)]
        )
        self._published: dict[int, int] = {}

    def published(self) -> dict[int, int]:
        """For each partition the command offset up to which outputs are published."""
        while messages := self._consumer.consume(BATCH, 0.02):
            for message in messages:
                entry = orjson.loads(message.value() or b"{}")
                if said := entry.get("progress") or entry.get("release"):
                    self._published[message.partition() or 0] = said["next"]
        return dict(self._published)

    def close(self) -> None:
        """Ends the connection."""
        self._consumer.close()
