"""A command log made in memory, and what the service's own pure parts make of it.

This is the checker's test data: the fold, the encoder and the stored documents of the product on the
one side, the model on the other, and no server in between.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import bson
from aiokafka.record.default_records import DefaultRecordBatch

from consumer.domain.model import Policy
from consumer.engine.apply import Share, apply
from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.engine.records import Undecodable
from consumer.kafka.recordbatches import BatchWriter, RecordBatch
from consumer.kafka.unreadable import Unreadable
from consumer.storage.documents import CODEC, contract_document, history_document
from consumer.storage.memory import MemoryStore
from consumer.storage.position_documents import position_document
from consumer.storage.protocols import Origin, Position
from devstack.proof.load import Load
from devstack.proof.message import Message
from devstack.proof.model import Model
from devstack.proof.outputs import Alike, compare_forwards, compare_outputs
from devstack.proof.records import LogRecord, State
from devstack.proof.state import READ_AS, compare_state
from devstack.proof.verdict import Verdict
from schemas.partitioning import crc32_home, murmur2_home
from tests.tallied import movement_documents

TOPIC = "contracts.commands"
START = datetime(2026, 1, 1, tzinfo=UTC)


class Captured(NamedTuple):
    """Everything that a checker reads."""

    model: Model
    found: list[LogRecord]
    state: State
    ends: dict[int, int]
    alike: dict[str, Alike]

    def verdict(self) -> Verdict:
        """What the checker says of it."""
        verdict = Verdict(self.model.commands)
        compare_outputs(self.model.outputs, self.found, "", verdict, alike=self.alike)
        compare_forwards(self.model, verdict)
        compare_state(self.model, self.state, self.ends, TOPIC, verdict)
        return verdict


async def capture(seed: int, count: int, partitions: int = 3) -> Captured:
    """A log of `count` messages, folded by the service's parts in batches of random sizes."""
    logs = _Logs(partitions, Random(seed))
    for message in Load(seed, accounts=max(5, count // 10)).messages(count):
        logs.add(message)
    store = MemoryStore()
    decoder = Decoder(partitions)
    positions = [
        Position(f"{TOPIC}/{n}", Origin("cluster", "group", partitions), next=0) for n in range(partitions)
    ]
    await store.claim([position.partition for position in positions], "me")
    for position in positions:
        await store.begin(position, "me")
    while waiting := [n for n, position in enumerate(positions) if position.next < len(logs.of[n])]:
        chosen = logs.random.sample(waiting, logs.random.randint(1, len(waiting)))
        shares = [_share(logs, decoder, positions[number]) for number in chosen]
        async with store.transaction("me", 0) as transaction:
            applied = await apply(
                transaction, shares, policy=Policy(), output_bytes=1 << 20, stage=lambda _: nullcontext()
            )
        for number, one in zip(chosen, applied, strict=True):
            positions[number] = one.position
            for output in one.outputs or ():
                logs.publish(output)
    done = {number: position.next for number, position in enumerate(positions)}
    return Captured(_model(logs, partitions), logs.found, _state(store, done), done, {})


class _Logs:
    """The topics, as lists."""

    def __init__(self, partitions: int, random: Random) -> None:
        self.random = random
        self.now = datetime.now(UTC)
        self.of: dict[int, list[LogRecord]] = {number: [] for number in range(partitions)}
        self.found: list[LogRecord] = []
        self._next: defaultdict[tuple[str, int], int] = defaultdict(int)

    def add(self, message: Message) -> None:
        # Now and then days pass, so that terms end and notices fall due.
        self.now += timedelta(
            milliseconds=self.random.randrange(50),
            days=self.random.random() < 0.01 and self.random.randrange(60),
        )
        home = crc32_home if message.via == "crc32" else murmur2_home
        partition = home(message.key or b"", len(self.of))
        readable = message.via != "unreadable"
        self._append(
            partition, message.key, message.value, message.headers if readable else [], readable=readable
        )

    def _append(self, partition: int, key: Any, value: Any, headers: Any, *, readable: bool = True) -> None:
        log = self.of[partition]
        timestamp = int(self.now.timestamp() * 1000)
        log.append(LogRecord(TOPIC, partition, len(log), timestamp, key, value, list(headers), readable))

    def publish(self, batch: RecordBatch) -> None:
        for record in DefaultRecordBatch(batch.body):
            if batch.topic == TOPIC:
                self._append(batch.partition, record.key, record.value, record.headers)
                continue
            place = (batch.topic, batch.partition)
            offset, self._next[place] = self._next[place], self._next[place] + 1
            headers = list(record.headers)
            self.found.append(LogRecord(*place, offset, record.timestamp, record.key, record.value, headers))


def _share(logs: _Logs, decoder: Decoder, position: Position) -> Share:
    _, number = position.topic_partition
    end = min(len(logs.of[number]), position.next + logs.random.randrange(1, 60))
    records = [_decoded(decoder)(record) for record in logs.of[number][position.next : end]]
    return Share(position, records, end, {}, Encoder(number), BatchWriter("none"))


def _decoded(decoder: Decoder) -> Any:
    def decode(record: LogRecord) -> Any:
        if record.readable:
            return decoder.decode(record)
        bare = Unreadable(record.topic, record.partition, record.offset, record.timestamp)
        return Undecodable("unreadable", "the client cannot parse this record", "", bare)

    return decode


def _model(logs: _Logs, partitions: int) -> Model:
    model = Model(partitions)
    for log in logs.of.values():
        for record in log:
            model.fold(record)
    return model


def _state(store: MemoryStore, published: dict[int, int]) -> State:
    positions = [
        {"_id": each.partition, **position_document(each)} for each in store.positions_by_name.values()
    ]
    return State(
        _stored(map(contract_document, store.contracts.values())),
        _stored(map(contract_document, store.former)),
        _stored(map(history_document, store.history.values())),
        _stored(positions),
        _stored(movement_documents(store)),
        dict(published),
    )


def _stored(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """As MongoDB gives them back."""
    return [
        bson.decode(bson.encode(document, codec_options=CODEC), codec_options=READ_AS)
        for document in documents
    ]
