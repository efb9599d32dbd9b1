"""Three brokers that answer the requests of Kafka's protocol, over the simulated logs and transactions.

What brokers do and clients must cope with happens here: leaders and coordinators move, answers tell of
errors after which the request is to be repeated, although it was done.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import errors as kafka
from aiokafka.protocol.coordination import FindCoordinatorRequest_v1
from aiokafka.protocol.fetch import FetchRequest_v4
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.offset import OffsetRequest_v3
from aiokafka.protocol.produce import ProduceRequest_v7
from aiokafka.protocol.transaction import (
    AddPartitionsToTxnRequest_v0,
    EndTxnRequest_v0,
    InitProducerIdRequest_v0,
)

from consumer.kafka.leaders import NO_LEADER
from consumer.kafka.recordbatches import RecordBatch
from schemas.topics import EVENT_TOPICS, TOPICS
from tests.simulation.broker import Broker
from tests.simulation.wire.batches import WireLog
from tests.simulation.wire.coordinators import NODES, OK, Coordinators

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.chaos import Chaos, Sizes

READS: Final = (FetchRequest_v4, FindCoordinatorRequest_v1, MetadataRequest_v5, OffsetRequest_v3)
VERSIONS: Final = {
    request.API_KEY: (request.API_VERSION, request.API_VERSION)
    for request in (
        *READS,
        AddPartitionsToTxnRequest_v0,
        EndTxnRequest_v0,
        InitProducerIdRequest_v0,
        ProduceRequest_v7,
    )
}
_EARLIEST: Final = -2
_AGAIN_SHARE: Final = 0.1
"""Of written batches: the leader answers that too few replicas have them, so that they are sent again."""


class _Written(NamedTuple):
    """The last batch of a producer in a partition."""

    epoch: int
    sequence: int
    records: int
    offset: int


class Cluster(Broker):
    """The brokers. `answer` is what one of them does with a request, at one moment."""

    def __init__(self, chaos: Chaos, committed: Callable[[Any, list[Any]], None]) -> None:
        super().__init__(chaos, committed)
        self._chaos = chaos
        self._leaders: dict[tuple[str, int], int] = {}
        self.coordinators = Coordinators(self.transactions, chaos)
        self._written: dict[tuple[str, int, int], _Written] = {}

    def log(self, topic: str, partition: int) -> WireLog:
        """The log of a partition; all partitions are there."""
        found = self.logs.get((topic, partition))
        if found is None:
            found = self.logs[topic, partition] = WireLog(topic, partition, self.coordinators.producer_id)
        return found  # type: ignore[return-value]

    def answer(self, node: int, request: Any) -> Any:
        """What this node answers."""
        answers: Any = {
            MetadataRequest_v5: self._metadata,
            FindCoordinatorRequest_v1: self.coordinators.find,
            OffsetRequest_v3: self._offsets,
            FetchRequest_v4: self._fetch,
            InitProducerIdRequest_v0: self.coordinators.init,
            AddPartitionsToTxnRequest_v0: self.coordinators.add,
            ProduceRequest_v7: self._produce,
            EndTxnRequest_v0: self.coordinators.end,
        }
        return answers[type(request)](node, request)

    def move(self) -> None:
        """A partition has another leader, after a time without one; or an id another coordinator."""
        if self._chaos.chance(0.5):
            self.coordinators.move()
        elif self._leaders:
            place = self._chaos.random.choice(sorted(self._leaders))
            leader = self._chaos.random.choice(NODES)
            self._leaders[place] = NO_LEADER
            elected = self._chaos.random.choice((0.0, 0.01, self._chaos.seconds()))
            asyncio.get_running_loop().call_later(elected, self._leaders.__setitem__, place, leader)

    def readable(self, node: int, request: FetchRequest_v4) -> bool:
        """Whether a fetch need not wait: there are records, or an error."""
        committed = bool(request.isolation_level)
        for topic, partitions in request.topics:
            for number, first, _ in partitions:
                log = self.log(topic, number)
                if self._leader(topic, number) != node or first < (log.stable if committed else log.end):
                    return True
        return False

    def _leader(self, topic: str, partition: int) -> int:
        return self._leaders.setdefault((topic, partition), NODES[partition % len(NODES)])

    def _metadata(self, _: int, request: Any) -> Any:
        counts = _counts(self._chaos.sizes)
        topics = [
            (OK, name, False, [(OK, n, self._leader(name, n), [], [], []) for n in range(counts[name])])
            for name in (counts if request.topics is None else request.topics)
        ]
        brokers = [(node, f"node-{node}", 9092, None) for node in NODES]
        return request.RESPONSE_TYPE(0, brokers, "cluster", NODES[0], topics)

    def _offsets(self, node: int, request: Any) -> Any:
        def offset(topic: str, number: int, time: int) -> tuple[int, int, int, int]:
            if self._leader(topic, number) != node:
                return number, kafka.NotLeaderForPartitionError.errno, -1, -1
            log = self.log(topic, number)
            end = log.stable if request.isolation_level else log.end
            return number, OK, -1, 0 if time == _EARLIEST else end

        topics = [(topic, [offset(topic, *each) for each in asked]) for topic, asked in request.topics]
        return request.RESPONSE_TYPE(0, topics)

    def _fetch(self, node: int, request: Any) -> Any:
        committed = bool(request.isolation_level)

        def fetched(topic: str, number: int, first: int) -> tuple[Any, ...]:
            log = self.log(topic, number)
            if self._leader(topic, number) != node:
                return number, kafka.NotLeaderForPartitionError.errno, -1, -1, None, b""
            found = log.batches(first, self._chaos.sizes.fetched, committed=committed)
            return number, OK, log.end, log.stable, log.aborted(first) if committed else None, found

        topics = [(topic, [fetched(topic, *each[:2]) for each in asked]) for topic, asked in request.topics]
        return request.RESPONSE_TYPE(0, topics)

    def _produce(self, node: int, request: Any) -> Any:
        topics = []
        for topic, partitions in request.topics:
            answers = []
            for number, body in partitions:
                code, offset = self._append(node, request.transactional_id, topic, number, body)
                if not code and self._chaos.calm is False and self._chaos.chance(_AGAIN_SHARE):
                    code = kafka.NotEnoughReplicasAfterAppendError.errno
                answers.append((number, code, offset, -1, 0))
            topics.append((topic, answers))
        return request.RESPONSE_TYPE(topics, 0)

    def _append(self, node: int, name: str, topic: str, number: int, body: bytes) -> tuple[int, int]:
        """The error, and the offset of the first record."""
        producer_id, epoch, sequence, records = _producer_of(body)
        before = self._written.get((topic, number, producer_id), _Written(-1, 0, 0, -1))
        if self._leader(topic, number) != node:
            return kafka.NotLeaderForPartitionError.errno, -1
        if epoch < before.epoch or self.coordinators.outdated(name, epoch):
            return kafka.InvalidProducerEpoch.errno, -1
        if epoch == before.epoch and sequence == before.sequence:
            return OK, before.offset
        if sequence != (before.sequence + before.records if epoch == before.epoch else 0):
            return kafka.OutOfOrderSequenceNumber.errno, -1
        transaction = self.coordinators.open_with(name, topic, number)
        if transaction is None:
            return kafka.InvalidTxnState.errno, -1
        offset = self.append(RecordBatch(topic, number, records, bytes(body)), transaction)
        self._written[topic, number, producer_id] = _Written(epoch, sequence, records, offset)
        self.wake(topic)
        self.coordinators.wrote(name)
        return OK, offset


def _counts(sizes: Sizes) -> dict[str, int]:
    """The partitions of each topic."""
    names = [spec.name for spec in TOPICS.values()]
    return {name: sizes.outputs if name in EVENT_TOPICS else sizes.partitions for name in names}


def _producer_of(body: bytes) -> tuple[int, int, int, int]:
    """Producer id, epoch, first sequence number and count of records of a batch."""
    fields = (body[43:51], body[51:53], body[53:57], body[57:61])
    producer_id, epoch, sequence, records = (int.from_bytes(field, "big") for field in fields)
    return producer_id, epoch, sequence, records
