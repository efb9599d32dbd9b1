"""The requests of Kafka's transactions. Each is sent by the caller that waits for its answer.

aiokafka's producer sends them from background tasks. These continue when no caller waits any more, repeat an
EndTxn without an answer, delay a batch until the one before is answered, and report failures in many places.
Here a failure ends the call, and nothing continues in the background.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.errors import LeaderNotAvailableError
from aiokafka.producer.transaction_manager import TransactionResult
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest

from consumer.errors import BrokerDenied, BrokerUnavailable
from consumer.kafka.bounds import lasting
from consumer.kafka.coordinator import Coordinator
from consumer.kafka.leaders import NO_LEADER, leader_of, refresh
from consumer.kafka.produce import Epoch, Produce
from consumer.kafka.retries import Pause, Refusals

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from aiokafka.client import AIOKafkaClient

    from consumer.errors import LogError
    from consumer.kafka.recordbatches import RecordBatch


class Transactions:
    """The transactions of one epoch of a transactional id, one after the other.

    Every method tries again until it is cancelled where the broker says that it did nothing yet, and raises
    aiokafka's errors otherwise. After an error the epoch must not be used any more.

    Args:
        client: connected.
        timeout_ms: after which the broker aborts a transaction by itself.
    """

    def __init__(self, client: AIOKafkaClient, transactional_id: str, *, timeout_ms: int) -> None:
        self._client = client
        self._id = transactional_id
        self._timeout_ms = timeout_ms
        self._epoch = Epoch(-1, -1)
        self._registered: set[tuple[str, int]] = set()
        """The partitions of the open transaction; none: no transaction is open."""
        self.refusals = Refusals()
        """What the brokers refused so far."""
        self._coordinator = Coordinator(client, transactional_id, self.refusals)
        self._produce = Produce(client, transactional_id, self.refusals, timeout_ms=timeout_ms)

    async def begin_epoch(self) -> None:
        """Ends the previous epoch of this id, and its open transaction. Called once, before anything else."""
        answer = await self._coordinator.ask(InitProducerIdRequest(self._id, self._timeout_ms))
        self._epoch = Epoch(answer.producer_id, answer.producer_epoch)

    async def register(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Registers partitions with the transaction, all in one request; the first ones open it."""
        topics: dict[str, list[int]] = defaultdict(list)
        for topic, number in sorted(new := {*partitions} - self._registered):
            topics[topic].append(number)
        if not topics:
            return
        await self._know(topics)
        await self._led([TopicPartition(*each) for each in new])
        await self._coordinator.ask(AddPartitionsToTxnRequest(self._id, *self._epoch, list(topics.items())))
        self._registered |= new

    async def transact(self, batches: Sequence[RecordBatch]) -> list[int]:
        """Publishes all batches in one transaction; returns the offset of the first record of each."""
        if not batches:
            return []
        await self.register((batch.topic, batch.partition) for batch in batches)
        offsets = await self._produce.send(batches, self._epoch)
        await self._commit()
        self._registered = set()
        return offsets

    async def _know(self, topics: Iterable[str]) -> None:
        """Reads the leaders of their partitions, unless they are known."""
        for topic in topics:
            self._client.add_topic(topic)  # all topics first, so that one request is enough
        for topic in topics:
            await self._client._wait_on_metadata(topic)

    async def _led(self, partitions: Sequence[TopicPartition]) -> None:
        """Waits until all have leaders.

        While a partition of a transaction has none, nobody can end the transaction: neither this worker nor
        those that take its other partitions over could go on.
        """
        pause = Pause()
        while without := self._leaderless(partitions):
            self.refusals.last = LeaderNotAvailableError(*without)
            await self._client.force_metadata_update()
            await pause.wait()

    async def leaderless(self, partitions: Collection[tuple[str, int]]) -> dict[tuple[str, int], LogError]:
        """Those of these partitions that have no leader, as the brokers say now, and why.

        A topic that is not there has none, and neither has one that we may not see.
        """
        wanted = [TopicPartition(*each) for each in partitions]
        topics = self._client._topics | {each.topic for each in wanted}

        async def look() -> list[TopicPartition]:
            await refresh(self._client, topics)
            return self._leaderless(wanted)

        return {(topic, number): self._why_lost(topic, number) for topic, number in await lasting(look)}

    def _why_lost(self, topic: str, number: int) -> LogError:
        if topic in self._client.cluster.unauthorized_topics:
            return BrokerDenied(f"Kafka does not let us write to {topic}")
        return BrokerUnavailable(f"{topic}/{number} has no leader")

    def _leaderless(self, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
        return [each for each in partitions if leader_of(self._client.cluster, each) == NO_LEADER]

    async def _commit(self) -> None:
        """Sent once, unless it is refused: a delayed repetition would end the *next* transaction."""
        await self._coordinator.ask(
            EndTxnRequest(self._id, *self._epoch, TransactionResult.COMMIT), once=True
        )
