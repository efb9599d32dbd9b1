"""Puts a log into the topic: at once, or held back in a transaction until its release.

The held log is what makes the contenders comparable: all are started, joined and warm before its first
record becomes visible, and then meet the whole backlog at one known moment.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException, Producer

if TYPE_CHECKING:
    from benchmarks.log import Log, Record

FLUSH_SECONDS: Final = 120.0


class Feed:
    """A producer with Kafka's own partitioner, in librdkafka: no part of what is measured."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._ends: dict[int, int] = {}
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "transactional.id": f"feed-{uuid.uuid4()}",
                "transaction.timeout.ms": 600_000,
                "compression.type": "lz4",
                "linger.ms": 20,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )
        self._producer.init_transactions(60)

    def send(self, log: Log) -> dict[int, int]:
        """Publish the log; returns for each partition the offset after its last record."""
        self.hold(log)
        self.release()
        return self.ends()

    def hold(self, log: Log) -> None:
        """Write the log to the broker; nobody sees it yet."""
        self._producer.begin_transaction()
        for number, record in enumerate(log.records):
            self._produce(record)
            if number % 1000 == 0:
                self._producer.poll(0)
        if self._producer.flush(FLUSH_SECONDS):
            raise TimeoutError("the broker has not taken the log")

    def release(self) -> float:
        """Make the held log visible; the moment of asking for it, as of `time.monotonic`."""
        moment = time.monotonic()
        self._producer.commit_transaction(FLUSH_SECONDS)
        return moment

    def ends(self) -> dict[int, int]:
        """For each partition the offset after the last record that was sent."""
        return dict(self._ends)

    def _produce(self, record: Record) -> None:
        key, value, headers = record
        while True:
            try:
                self._producer.produce(self._topic, value, key, headers=headers, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: object, message: object) -> None:
        if error:
            raise KafkaException(error)
        self._ends[message.partition()] = max(  # type: ignore[attr-defined]
            self._ends.get(message.partition(), 0),  # type: ignore[attr-defined]
            message.offset() + 1,  # type: ignore[attr-defined]
        )
