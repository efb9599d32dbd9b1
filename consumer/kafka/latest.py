"""Reads partitions of one topic from their present ends, without a consumer group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.errors import BrokerUnavailable
from consumer.kafka.connection import kafka_errors, kafka_options, listed_partitions, stop_consumer

if TYPE_CHECKING:
    from consumer.settings import Settings

WAIT_MS: Final = 100
"""Maximum time of a fetch. A partition that is opened meanwhile waits until the fetch returns."""

_POLL_MS: Final = 500


class LatestReader:
    """Reads committed records of the opened partitions. Nothing is stored.

    Args:
        consumer: not started yet, without a group.
        topic: with its prefix.
        address: of the broker, for error messages.
    """

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, *, address: str) -> None:
        self._consumer = consumer
        self._topic = topic
        self._address = address

    async def start(self) -> None:
        """Connects. No partition is open.

        Raises:
            BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses access.
            TopicsMissing: the topic does not exist, or this user may not see it.
        """
        with kafka_errors(self._address):
            await self._consumer.start()
            numbers = await listed_partitions(self._consumer._client, self._topic)
        partitions = [self._topic_partition(number) for number in sorted(numbers)]
        self._consumer.assign(partitions)
        self._consumer.pause(*partitions)

    async def stop(self) -> None:
        """Disconnects; also without a broker."""
        await stop_consumer(self._consumer)

    @property
    def partitions(self) -> int:
        """How many partitions the topic had at the start."""
        return len(self._consumer.assignment())

    @property
    def is_current(self) -> bool:
        """Whether the topic has as many partitions as at the start."""
        known = self._consumer.partitions_for_topic(self._topic)
        return known is None or len(known) == self.partitions

    async def open(self, partition: int) -> None:
        """Reads a partition from its present end on.

        Raises:
            BrokerUnavailable, BrokerDenied: the end is not known.
        """
        topic_partition = self._topic_partition(partition)
        with kafka_errors(self._address):
            found = await self._consumer.seek_to_end(topic_partition)
        if not found:
            raise BrokerUnavailable(f"Kafka at {self._address} does not report the end of {topic_partition}")
        self._consumer.resume(topic_partition)

    def close(self, partition: int) -> None:
        """Does not read this partition any more."""
        self._consumer.pause(self._topic_partition(partition))

    async def read(self) -> list[Any]:
        """The next records of the opened partitions; may be empty."""
        batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
        return [record for records in batches.values() for record in records]

    def _topic_partition(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


def make_latest_reader(settings: Settings, topic: str) -> LatestReader:
    """An unstarted reader of this topic."""
    consumer = AIOKafkaConsumer(
        **kafka_options(settings),
        group_id=None,
        auto_offset_reset="latest",
        isolation_level="read_committed",
        fetch_max_wait_ms=WAIT_MS,
    )
    return LatestReader(consumer, topic, address=settings.kafka_bootstrap_servers)
