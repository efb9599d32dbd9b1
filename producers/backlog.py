"""The number of commands that are in the log and not applied yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka import TopicPartition

from consumer.kafka.connection import kafka_errors, stop_consumer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import AIOKafkaConsumer

    from consumer.storage.queries import Queries


class Standing(NamedTuple):
    """One partition of the command topic: the next offset to apply, and the end of the log."""

    applied: int
    end: int

    @property
    def waiting(self) -> int:
        """Offsets between the two: commands, and one marker for each transaction that forwarded commands."""
        return max(0, self.end - self.applied)


class Backlog:
    """Compares the positions in MongoDB with the ends of the log.

    The position is stored together with the contracts: all commands before it are applied, whatever the
    consumer group's offset in Kafka says.

    Args:
        make_consumer: makes an unstarted consumer without a group.
        queries: queries on the database.
        topic: of the commands, with its prefix.
        address: of the broker, for error messages.
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
            BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses access.
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
        """Position and end of the log for each partition.

        Raises:
            BrokerUnavailable, BrokerDenied, ServiceUnavailable: Kafka or MongoDB does not answer, or
                refuses access.
        """
        if self._consumer is None:
            raise RuntimeError("call Backlog.start first")
        found = await self._queries.applied(self._topic)
        applied = {partition: each.next for partition, each in found.items()}
        places = [TopicPartition(self._topic, partition) for partition in range(partitions)]
        with kafka_errors(self._address):
            ends = await self._consumer.end_offsets(places)
            untouched = [place for place in places if place.partition not in applied]
            starts = await self._consumer.beginning_offsets(untouched) if untouched else {}
        return {
            place.partition: Standing(applied.get(place.partition, starts.get(place, 0)), ends[place])
            for place in places
        }
