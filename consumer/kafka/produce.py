"""Produce requests of a transaction, to all leaders at the same time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
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


@dataclass(slots=True)
class _Outgoing:
    """A batch with epoch and sequence number, which stay the same if it is sent again.

    `offset` is that of its first record; None: it is not written yet.
    """

    partition: TopicPartition
    body: bytearray
    offset: int | None = None


_Heads = dict[TopicPartition, _Outgoing]
"""One batch of each partition."""


class Produce:
    """Sends the batches of one epoch, and counts the sequence number of each partition, from 0 on.

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

    async def send(self, batches: Sequence[RecordBatch], epoch: Epoch) -> list[int]:
        """Sends all batches, again until they are written; returns the offset of the first record of each.

        Of each partition one batch is on its way at a time, as Kafka requires.
        """
        outgoing = [self._stamped(batch, epoch) for batch in batches]
        pause = Pause()
        while heads := _heads(outgoing):
            if refusals := await self._try(heads):
                self._refusals.last = refusals[-1]
                if any(refusal.invalid_metadata for refusal in refusals):
                    await self._client.force_metadata_update()
                await pause.wait()
        return [each.offset for each in outgoing if each.offset is not None]

    def _stamped(self, batch: RecordBatch, epoch: Epoch) -> _Outgoing:
        partition = TopicPartition(batch.topic, batch.partition)
        sequence = self._sequences[partition]
        self._sequences[partition] = (sequence + batch.records) % _SEQUENCES
        return _Outgoing(partition, batch.stamped(*epoch, sequence))

    async def _try(self, heads: _Heads) -> list[KafkaError]:
        """Sends these batches once, and notes the offsets of those that are written.

        Returns the errors after which the others are to be sent again; raises a permanent one, and notes
        the partitions that have it.
        """
        by_leader = self._by_leader(heads)
        if not by_leader:
            return [LeaderNotAvailableError(*heads)]
        answers = await together(self._request(leader, some) for leader, some in by_leader.items())
        errors: dict[TopicPartition, KafkaError] = {}
        for partition, outcome in (each for answer in answers for each in answer.items()):
            if isinstance(outcome, int):
                heads[partition].offset = outcome
            else:
                errors[partition] = outcome
        if permanent := next((error for error in errors.values() if not error.retriable), None):
            self._refusals.partitions = [each for each in errors if type(errors[each]) is type(permanent)]
            raise permanent
        return list(errors.values())

    def _by_leader(self, heads: _Heads) -> Mapping[int, _Heads]:
        """For each leader as many as fit into a request. Those without a leader are left out."""
        found: dict[int, _Heads] = defaultdict(dict)
        room: dict[int, int] = defaultdict(lambda: REQUEST_BYTES)
        for partition, head in heads.items():
            leader = leader_of(self._client.cluster, partition)
            if leader == NO_LEADER:
                continue
            room[leader] -= len(head.body)
            if room[leader] >= 0 or not found[leader]:
                found[leader][partition] = head
        return found

    async def _request(self, leader: int, heads: _Heads) -> Mapping[TopicPartition, int | KafkaError]:
        """The offset or the error of each batch.

        A KafkaError is not raised: the other leaders must also be waited for.
        """
        topics: dict[str, list[tuple[int, bytearray]]] = defaultdict(list)
        for partition, head in heads.items():
            topics[partition.topic].append((partition.partition, head.body))
        request = ProduceRequest(self._id, _ACKS_ALL, self._timeout_ms, list(topics.items()))
        try:
            answer = await self._client.send(leader, request)
        except KafkaError as error:
            return dict.fromkeys(heads, error)
        return dict(_outcomes(answer, heads))


def _heads(outgoing: Iterable[_Outgoing]) -> _Heads:
    """The first batch of each partition that is not written yet."""
    heads: _Heads = {}
    for each in outgoing:
        if each.offset is None:
            heads.setdefault(each.partition, each)
    return heads


def _outcomes(answer: Any, heads: _Heads) -> Iterator[tuple[TopicPartition, int | KafkaError]]:
    for topic, partitions in answer.topics:
        for number, code, offset, *_ in partitions:
            partition = TopicPartition(topic, number)
            yield partition, _error(code, heads[partition]) if code else offset


def _error(code: int, head: _Outgoing) -> KafkaError:
    topic, number = head.partition
    return error_of(code, f"a record batch of {len(head.body)} bytes for {topic}/{number}")
