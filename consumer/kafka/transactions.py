"""The requests of Kafka's transactions, sent by whoever waits for their answers.

aiokafka's producer sends them from tasks in the background: those go on when nobody waits any more, repeat an
EndTxn whose answer was lost, hold a batch back until the one before it is answered, and tell of a failure in
many places. Here a failure ends the call, and nothing goes on behind it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    LeaderNotAvailableError,
    NotCoordinatorError,
    OperationNotAttempted,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.producer.transaction_manager import TransactionResult
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aiokafka.client import AIOKafkaClient

    from consumer.kafka.recordbatches import RecordBatch

REQUEST_BYTES: Final = 32 << 20
"""Of one Produce request: brokers close the connection at one above 100 MiB."""

_FIRST_PAUSE: Final = 0.003
"""Short, for a broker often refuses the first try while it still ends the transaction before."""

_LONGEST_PAUSE: Final = 0.1
_ACKS_ALL: Final = -1
_SEQUENCES: Final = 1 << 31

_MOVED: Final = (CoordinatorNotAvailableError, NotCoordinatorError)
_BUSY: Final = (ConcurrentTransactions, CoordinatorLoadInProgressError, UnknownTopicOrPartitionError)


class Epoch(NamedTuple):
    """Who writes. The broker refuses whatever an earlier epoch of the same id sends."""

    producer_id: int
    number: int


class _Waiting(NamedTuple):
    """A batch to send: its number among all, and its bytes with epoch and sequence in them."""

    number: int
    body: bytearray


_Queues = dict[TopicPartition, deque[_Waiting]]
_Offsets = dict[int, int]


class _Pause:
    """Between two tries, longer each time."""

    def __init__(self) -> None:
        self._seconds = _FIRST_PAUSE

    async def wait(self) -> None:
        await asyncio.sleep(self._seconds)
        self._seconds = min(2 * self._seconds, _LONGEST_PAUSE)


class Transactions:
    """The transactions of one transactional id, one after the other.

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
        self._coordinator: int | None = None
        self._epoch = Epoch(-1, -1)
        self._sequences: dict[TopicPartition, int] = defaultdict(int)
        self.refusal: KafkaError | None = None
        """Why the last try was not the last one."""

    async def begin_epoch(self) -> None:
        """Ends the previous epoch of this id, and the transaction it had open."""
        answer = await self._ask(InitProducerIdRequest(self._id, self._timeout_ms))
        self._epoch = Epoch(answer.producer_id, answer.producer_epoch)
        self._sequences.clear()

    async def transact(self, batches: Sequence[RecordBatch]) -> list[int]:
        """All batches in one transaction; the offset of the first record of each."""
        if not batches:
            return []
        await self._add(batches)
        offsets = await self._produce(batches)
        await self._commit()
        return offsets

    async def _add(self, batches: Iterable[RecordBatch]) -> None:
        """Registers the partitions with the transaction, all in one request."""
        partitions: dict[str, set[int]] = defaultdict(set)
        for batch in batches:
            partitions[batch.topic].add(batch.partition)
        await self._know(partitions.keys())
        topics = [(topic, sorted(numbers)) for topic, numbers in partitions.items()]
        await self._ask(AddPartitionsToTxnRequest(self._id, *self._epoch, topics))

    async def _know(self, topics: Iterable[str]) -> None:
        """Learns who leads their partitions, unless it is known."""
        for topic in topics:
            self._client.add_topic(topic)  # all of them first: then one request tells of all
        for topic in topics:
            await self._client._wait_on_metadata(topic)

    async def _commit(self) -> None:
        """Asked once, unless the coordinator refuses: a late repetition would end the *next* transaction."""
        await self._ask(EndTxnRequest(self._id, *self._epoch, TransactionResult.COMMIT), once=True)

    async def _ask(self, request: Any, *, once: bool = False) -> Any:
        """The coordinator's answer. `once`: no second try where the first one may have arrived."""
        pause = _Pause()
        while True:
            node = await self._coordinating()
            try:
                answer = await self._client.send(node, request)
            except KafkaError as error:
                if once or not error.retriable:
                    raise
                self.refusal, self._coordinator = error, None
            else:
                refusal = _refusal(answer)
                if refusal is None:
                    return answer
                self._tolerate(refusal)
            await pause.wait()

    def _tolerate(self, refusal: KafkaError) -> None:
        """Raises it, unless it passes by itself."""
        if isinstance(refusal, _MOVED):
            self._coordinator = None
        elif not isinstance(refusal, _BUSY):
            raise refusal
        self.refusal = refusal

    async def _coordinating(self) -> int:
        pause = _Pause()
        while self._coordinator is None:
            try:
                node = await self._client.coordinator_lookup(CoordinationType.TRANSACTION, self._id)
                self._coordinator = node
            except KafkaError as error:
                if not error.retriable:
                    raise
                self.refusal = error
                await self._client.force_metadata_update()
                await pause.wait()
        return self._coordinator

    async def _produce(self, batches: Sequence[RecordBatch]) -> list[int]:
        """Sends to all leaders side by side; of each partition one batch at a time, as Kafka asks."""
        offsets: _Offsets = {}
        queues = self._stamped(batches)
        pause = _Pause()
        while queues:
            rounds = self._by_leader(queues)
            answers = await asyncio.gather(*(self._send(node, heads) for node, heads in rounds.items()))
            refusals = [refusal for answer in answers for refusal in self._settle(queues, answer, offsets)]
            if refusals or not rounds:
                await self._look_again(refusals or [LeaderNotAvailableError(*queues)])
                await pause.wait()
        return [offsets[number] for number in range(len(batches))]

    def _stamped(self, batches: Iterable[RecordBatch]) -> _Queues:
        """The batches by partition, in order. A batch that is sent again keeps its sequence."""
        queues: _Queues = {}
        for number, batch in enumerate(batches):
            place = TopicPartition(batch.topic, batch.partition)
            sequence = self._sequences[place]
            self._sequences[place] = (sequence + batch.records) % _SEQUENCES
            queues.setdefault(place, deque()).append(_Waiting(number, batch.stamped(*self._epoch, sequence)))
        return queues

    def _by_leader(self, queues: _Queues) -> Mapping[int, Mapping[TopicPartition, _Waiting]]:
        """The first batch of each partition, for each leader as many as fit into a request."""
        found: dict[int, dict[TopicPartition, _Waiting]] = defaultdict(dict)
        room: dict[int, int] = defaultdict(lambda: REQUEST_BYTES)
        for place, queue in queues.items():
            leader = self._client.cluster.leader_for_partition(place)
            if leader is None or leader < 0:
                continue
            room[leader] -= len(queue[0].body)
            if room[leader] >= 0 or not found[leader]:
                found[leader][place] = queue[0]
        return found

    async def _send(
        self, node: int, heads: Mapping[TopicPartition, _Waiting]
    ) -> Mapping[TopicPartition, int | KafkaError]:
        """The offset or the refusal of each. Never raises one: the other leaders are waited for, too."""
        topics: dict[str, list[tuple[int, bytearray]]] = defaultdict(list)
        for place, head in heads.items():
            topics[place.topic].append((place.partition, head.body))
        try:
            answer = await self._client.send(
                node, ProduceRequest(self._id, _ACKS_ALL, self._timeout_ms, list(topics.items()))
            )
        except KafkaError as error:
            return dict.fromkeys(heads, error)
        return dict(_produced(answer))

    def _settle(
        self, queues: _Queues, answer: Mapping[TopicPartition, int | KafkaError], offsets: _Offsets
    ) -> Iterator[KafkaError]:
        """Takes what was written off the queues; what is to be tried again stays in front, and is told."""
        for place, outcome in answer.items():
            if isinstance(outcome, int):
                offsets[queues[place].popleft().number] = outcome
                if not queues[place]:
                    del queues[place]
            elif outcome.retriable:
                yield outcome
            else:
                raise outcome

    async def _look_again(self, refusals: Sequence[KafkaError]) -> None:
        """Asks who leads the partitions now, where that may be why they were refused."""
        self.refusal = refusals[-1]
        if any(refusal.invalid_metadata for refusal in refusals):
            await self._client.force_metadata_update()


def _refusal(answer: Any) -> KafkaError | None:
    """The first error in a coordinator's answer that says why."""
    if hasattr(answer, "errors"):
        codes = [code for _, partitions in answer.errors for _, code in partitions if code]
    else:
        codes = [answer.error_code] if answer.error_code else []
    kinds = [for_code(code) for code in codes]
    told = [kind for kind in kinds if kind is not OperationNotAttempted]
    return next((kind() for kind in told or kinds), None)


def _produced(answer: Any) -> Iterator[tuple[TopicPartition, int | KafkaError]]:
    for topic, partitions in answer.topics:
        for number, code, offset, *_ in partitions:
            yield TopicPartition(topic, number), for_code(code)() if code else offset
