"""Produce requests of a transaction, to all leaders at the same time."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, LeaderNotAvailableError
from aiokafka.protocol.produce import ProduceRequest

from consumer.kafka.broker_errors import error_of
from consumer.kafka.leaders import NO_LEADER, leader_of
from consumer.kafka.retries import Pause
from consumer.kafka.together import together

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aiokafka.client import AIOKafkaClient

    from consumer.kafka.recordbatches import RecordBatch
    from consumer.kafka.retries import Refusals

REQUEST_BYTES: Final = 32 << 20
"""Of one Produce request: brokers close the connection at one above 100 MiB."""

_ACKS_ALL: Final = -1
_SEQUENCES: Final = 1 << 31


class Epoch(NamedTuple):
    """The identity of the producer. The broker refuses all requests of an earlier epoch of the same id."""

    producer_id: int
    number: int


class _Waiting(NamedTuple):
    """A batch to send: its number among all batches, and its bytes with epoch and sequence."""

    number: int
    body: bytearray


_Queues = dict[TopicPartition, deque[_Waiting]]
_Offsets = dict[int, int]


class Produce:
    """Sends batches, and counts the sequence number of each partition in an epoch.

    Args:
        client: connected.
        refusals: notes why a batch is sent again.
    """

    def __init__(
        self, client: AIOKafkaClient, transactional_id: str, refusals: Refusals, *, timeout_ms: int
    ) -> None:
        self._client = client
        self._id = transactional_id
        self._refusals = refusals
        self._timeout_ms = timeout_ms
        self._sequences: dict[TopicPartition, int] = defaultdict(int)

    def begin_epoch(self) -> None:
        """Starts a new epoch, in which each partition starts at 0."""
        self._sequences.clear()

    async def send(self, batches: Sequence[RecordBatch], epoch: Epoch) -> list[int]:
        """Sends to all leaders at the same time; of each partition one batch at a time, as Kafka requires."""
        offsets: _Offsets = {}
        queues = self._stamped(batches, epoch)
        pause = Pause()
        while queues:
            rounds = self._by_leader(queues)
            answers = await together(self._request(node, heads) for node, heads in rounds.items())
            refusals = [refusal for answer in answers for refusal in self._done(queues, answer, offsets)]
            if refusals or not rounds:
                await self._look_again(refusals or [LeaderNotAvailableError(*queues)])
                await pause.wait()
        return [offsets[number] for number in range(len(batches))]

    def _stamped(self, batches: Iterable[RecordBatch], epoch: Epoch) -> _Queues:
        """The batches by partition, in order. A batch that is sent again keeps its sequence number."""
        queues: _Queues = {}
        for number, batch in enumerate(batches):
            partition = TopicPartition(batch.topic, batch.partition)
            sequence = self._sequences[partition]
            self._sequences[partition] = (sequence + batch.records) % _SEQUENCES
            queues.setdefault(partition, deque()).append(_Waiting(number, batch.stamped(*epoch, sequence)))
        return queues

    def _by_leader(self, queues: _Queues) -> Mapping[int, Mapping[TopicPartition, _Waiting]]:
        """The first batch of each partition, for each leader as many as fit into a request."""
        found: dict[int, dict[TopicPartition, _Waiting]] = defaultdict(dict)
        room: dict[int, int] = defaultdict(lambda: REQUEST_BYTES)
        for partition, queue in queues.items():
            leader = leader_of(self._client.cluster, partition)
            if leader == NO_LEADER:
                continue
            room[leader] -= len(queue[0].body)
            if room[leader] >= 0 or not found[leader]:
                found[leader][partition] = queue[0]
        return found

    async def _request(
        self, node: int, heads: Mapping[TopicPartition, _Waiting]
    ) -> Mapping[TopicPartition, int | KafkaError]:
        """The offset or the error of each batch.

        A KafkaError is not raised: the other leaders must also be waited for.
        """
        topics: dict[str, list[tuple[int, bytearray]]] = defaultdict(list)
        for partition, head in heads.items():
            topics[partition.topic].append((partition.partition, head.body))
        try:
            answer = await self._client.send(
                node, ProduceRequest(self._id, _ACKS_ALL, self._timeout_ms, list(topics.items()))
            )
        except KafkaError as error:
            return dict.fromkeys(heads, error)
        return dict(_produced(answer, heads))

    def _done(
        self, queues: _Queues, answer: Mapping[TopicPartition, int | KafkaError], offsets: _Offsets
    ) -> Iterator[KafkaError]:
        """Removes written batches from the queues; the others stay in front. Returns the errors."""
        for partition, outcome in answer.items():
            if isinstance(outcome, int):
                offsets[queues[partition].popleft().number] = outcome
                if not queues[partition]:
                    del queues[partition]
            elif outcome.retriable:
                yield outcome
            else:
                raise outcome

    async def _look_again(self, refusals: Sequence[KafkaError]) -> None:
        """Reads the leaders of the partitions again, if the errors suggest that they have changed."""
        self._refusals.last = refusals[-1]
        if any(refusal.invalid_metadata for refusal in refusals):
            await self._client.force_metadata_update()


def _produced(
    answer: Any, heads: Mapping[TopicPartition, _Waiting]
) -> Iterator[tuple[TopicPartition, int | KafkaError]]:
    for topic, partitions in answer.topics:
        for number, code, offset, *_ in partitions:
            partition = TopicPartition(topic, number)
            what = f"a record batch of {len(heads[partition].body)} bytes for {topic}/{number}"
            yield partition, error_of(code, what) if code else offset
