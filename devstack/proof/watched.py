"""What a service leaves behind: the records of its topics, how far its journal says it is, its database.

Read with clients of its own (confluent-kafka, pymongo), each record once.
"""

import time
from collections.abc import Collection, Mapping
from operator import methodcaller
from typing import Any

import orjson
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from pymongo.errors import PyMongoError

from devstack.proof.connections import Connections
from devstack.proof.expected import TOPIC_OF
from devstack.proof.records import LogRecord, State
from devstack.proof.state import READ_AS

COMMANDS = "contracts.commands"
JOURNAL = "contracts.positions"
READ_SECONDS = 120.0


class NotDone(AssertionError):
    """The service has not caught up with the log in time."""


class Watched:
    """The topics, the group and the database of one service.

    Attributes:
        ends: of the command topic's partitions, when they were last read.
    """

    def __init__(
        self,
        *,
        bootstrap: str,
        mongo_uri: str,
        database: str,
        partitions: int,
        output_partitions: int | None = None,
        prefix: str = "",
        group: str = "contracts",
    ) -> None:
        self.bootstrap = bootstrap
        self.mongo_uri = mongo_uri
        self.database = database
        self.partitions = partitions
        self.output_partitions = output_partitions
        self.prefix = prefix
        self.group = group
        self.topic = prefix + COMMANDS
        self.ends: dict[int, int] = {}
        self._next: dict[tuple[str, int], int] = {}
        self._published: dict[int, int] = {}
        self._publishers: dict[int, str] = {}
        self.connections = Connections(bootstrap, mongo_uri)

    def count(self, topic: str) -> int:
        """How many partitions a topic has, named without the prefix."""
        if self.output_partitions is None or topic not in TOPIC_OF.values():
            return self.partitions
        return self.output_partitions

    def skip_to(self, offsets: Mapping[int, int]) -> None:
        """What the log has before these offsets is not to be looked at."""
        self._next |= {(self.topic, partition): offset for partition, offset in offsets.items()}

    def published(self) -> dict[int, int]:
        """How far each partition is published, as the journal tells; nowhere while Kafka is away."""
        try:
            records = self.read([self.prefix + JOURNAL])
        except (KafkaException, NotDone):
            return {}
        for record in records:
            if said := _said(record.value):
                self._published[record.partition] = said["next"]
                self._publishers[record.partition] = said["by"]
        return dict(self._published)

    def publisher(self, partition: int) -> str:
        """The worker that published last in a partition, by its transactional id."""
        self.published()
        return self._publishers[partition]

    def journal_made_anew(self) -> None:
        """What was read of the journal was of another one."""
        self._published.clear()
        self._next |= dict.fromkeys(((self.prefix + JOURNAL, n) for n in range(self.partitions)), 0)

    def positions(self) -> dict[int, int]:
        """Where MongoDB stands; nowhere while it does not answer."""
        try:
            (found,) = self._collections("positions")
        except PyMongoError:
            return {}
        return {int(each["_id"].rpartition("/")[2]): each["next"] for each in found}

    def state(self) -> State:
        """What MongoDB holds now."""
        names = ("contracts", "former_contracts", "history", "positions", "movements")
        contracts, former, history, positions, movements = self._collections(*names)
        return State(contracts, former, history, positions, movements, self.published())

    def _collections(self, *names: str) -> list[list[dict[str, Any]]]:
        with self.connections.client() as client:
            database = client.get_database(self.database, codec_options=READ_AS)
            return [list(database[name].find()) for name in names]

    def read(self, topics: list[str], *, ended: bool = False) -> list[LogRecord]:
        """The records since the last time, up to the end of each partition, a partition's in their order.

        Args:
            topics: with the prefix.
            ended: waits for the end of the transactions that are open now. A broker writes the end of a
                committed transaction into one partition after the other: what the journal already shows,
                an output topic may still hide.
        """
        partitions = [
            (topic, number)
            for topic in topics
            for number in range(self.count(topic.removeprefix(self.prefix)))
        ]
        with self.connections.consumer() as consumer:
            written = _written(self.bootstrap, partitions) if ended else {}
            consumer.assign([TopicPartition(*each, self._next.get(each, 0)) for each in partitions])
            ends = self.ends if topics == [self.topic] else {}
            try:
                records = _until_ends(consumer, set(partitions), written, ends)
            finally:
                consumer.unassign()  # one that stays open would fetch on
        for record in records:
            self._next[record.topic, record.partition] = record.offset + 1
        return records


def _written(bootstrap: str, partitions: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Where each partition ends, records of open transactions included."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    deadline = time.monotonic() + READ_SECONDS
    while True:
        asked = admin.list_offsets(
            {TopicPartition(*each): OffsetSpec.latest() for each in partitions},  # type: ignore[no-untyped-call]
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
        )
        try:
            found = {(each.topic, each.partition): answer.result() for each, answer in asked.items()}
        except KafkaException as error:
            if error.args[0].code() not in _LEADER_MOVES or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return {place: answer.offset for place, answer in found.items()}


_LEADER_MOVES = (
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
)


def _until_ends(
    consumer: Consumer,
    open_: set[tuple[str, int]],
    written: Mapping[tuple[str, int], int],
    ends: dict[int, int],
) -> list[LogRecord]:
    records: list[LogRecord] = []
    deadline = time.monotonic() + READ_SECONDS
    while open_:
        for message in consumer.consume(num_messages=5_000, timeout=0.05):
            error = message.error()
            if error is None:
                records.append(_record(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                place, offset = (message.topic() or "", message.partition() or 0), message.offset() or 0
                if offset >= written.get(place, 0):
                    open_.discard(place)
                ends[place[1]] = offset
            elif not error.retriable() and error.code() not in _PASSING:
                raise KafkaException(error)
        if time.monotonic() > deadline:
            raise NotDone(f"the ends of {sorted(open_)} were not reached in {READ_SECONDS:g} s")
    return records


def _said(value: bytes | None) -> dict[str, Any] | None:
    """What an entry of the journal says of progress; tests let other programs write there, too."""
    try:
        entry = orjson.loads(value or b"{}")
    except orjson.JSONDecodeError:
        return None
    said: dict[str, Any] | None = entry.get("progress") or entry.get("release")
    return said


_PASSING = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT)


_headers_of = methodcaller("headers")
"""confluent-kafka answers for a name that is not UTF-8 with an error set and a null pointer in the list.

Only calls from C code check for that always; the interpreter's own, once specialised, do not, and crash.
"""


def _record(message: Any) -> LogRecord:
    try:
        headers, readable = _headers_of(message) or [], True
    except (UnicodeDecodeError, SystemError):
        headers, readable = [], False
    return LogRecord(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        headers,
        readable,
    )
