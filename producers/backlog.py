"""How many commands wait: in the log, and not applied yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka import TopicPartition

from consumer.kafka.connection import kafka_errors, stop_consumer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import AIOKafkaConsumer

    from consumer.storage.queries import Queries


class Standing(NamedTuple):
    """One partition of the command topic: the next offset to be applied, and the log's end."""

    applied: int
    end: int

    @property
    def waiting(self) -> int:
        """Offsets between the two: commands, and a marker for each transaction that forwarded some."""
        return max(0, self.end - self.applied)


class Backlog:
    """Compares the positions in MongoDB with the ends of the log.

    The position moves with the state: what lies before it has been applied, whatever the group's
    offset in Kafka says.

    Args:
        make_consumer: makes an unstarted consumer without a group.
        queries: questions to the database.
        topic: of the commands, with its prefix.
        address: of the broker, for messages.
    """

    def __init__(
        self, make_consumer: Callable[[], AIOKafkaConsumer], queries: Queries, *, topic: str, address: str
    ) -> None:
        self._make_consumer = make_consumer
        self._queries = queries
        self._topic = topic
        self._address = address
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Connects.

        Raises:
            BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses us.
        """
        self._consumer = self._make_consumer()
        with kafka_errors(self._address):
            await self._consumer.start()

    async def stop(self) -> None:
        """Disconnects."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def standings(self, partitions: int) -> dict[int, Standing]:
        """Where each partition stands.

        Raises:
            BrokerUnavailable, BrokerDenied, ServiceUnavailable: nobody says.
        """
        if self._consumer is None:
            raise RuntimeError("start the Backlog first")
        applied = await self._queries.applied(self._topic)
        places = [TopicPartition(self._topic, partition) for partition in range(partitions)]
        with kafka_errors(self._address):
            ends = await self._consumer.end_offsets(places)
            untouched = [place for place in places if place.partition not in applied]
            starts = await self._consumer.beginning_offsets(untouched) if untouched else {}
        return {
            place.partition: Standing(applied.get(place.partition, starts.get(place, 0)), ends[place])
            for place in places
        }
