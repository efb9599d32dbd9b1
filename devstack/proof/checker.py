"""Is what the service did what the log says it should have done? Lost, duplicated, reordered, diverged.

Reads with clients of its own (confluent-kafka, pymongo) and compares with the pure model. It can be
asked again and again while the log grows: only the log and the topics' new records are read again.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from operator import methodcaller
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from devstack.proof.expected import TOPIC_OF
from devstack.proof.model import Model
from devstack.proof.outputs import compare_forwards, compare_outputs
from devstack.proof.records import LogRecord, State
from devstack.proof.state import READ_AS, compare_state
from devstack.proof.verdict import Verdict

COMMANDS = "contracts.commands"
JOURNAL = "contracts.positions"
OUTPUTS = (
    "contracts.changed",
    "contracts.expiring",
    "contracts.renewal-notices",
    "contracts.limit-reached",
    "contracts.command-results",
    "contracts.dead-letters",
)
POLL_SECONDS = 0.1
READ_SECONDS = 60.0


class NotDone(AssertionError):
    """The service has not caught up with the log in time."""


class Checker:
    """Watches one service: its topics, its group, its database."""

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
        model: Model | None = None,
    ) -> None:
        self.bootstrap = bootstrap
        self.mongo_uri = mongo_uri
        self.database = database
        self.partitions = partitions
        self.output_partitions = output_partitions
        self.prefix = prefix
        self.group = group
        self.topic = prefix + COMMANDS
        self.model = model or Model(partitions)
        self.found: list[LogRecord] = []
        self.ends: dict[int, int] = {}
        self._next: dict[tuple[str, int], int] = {}
        self._published: dict[int, int] = {}
        self._publishers: dict[int, str] = {}

    def wait(self, seconds: float, watch: Callable[[], object] = lambda: None) -> None:
        """Until every command of the log is applied and its outputs are committed.

        `watch` is called at every look and may raise, for instance when a worker has died.

        Raises:
            NotDone: not so in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            watch()
            # First the positions, then the log: what a later batch adds to the log (forwards) shows as new.
            published, positions = self.published(), self.positions()
            self.read_log()
            behind = {
                partition: (last.offset, published.get(partition), positions.get(partition))
                for partition, last in self.model.last.items()
                if min(published.get(partition, 0), positions.get(partition, 0)) <= last.offset
            }
            if not behind:
                return
            if time.monotonic() > deadline:
                raise NotDone(f"after {seconds:g} s behind; partition: (last, published, stored): {behind}")
            time.sleep(POLL_SECONDS)

    def check(self) -> Verdict:
        """Compares everything that should be there with what is. Call it when the service has caught up."""
        self.read_log()
        self.found += self._read([self.prefix + topic for topic in OUTPUTS])
        verdict = Verdict(commands=self.model.commands)
        counts = {topic: self._count(topic) for topic in OUTPUTS}
        compare_outputs(self.model.outputs, self.found, self.prefix, verdict, counts=counts)
        compare_forwards(self.model, verdict)
        compare_state(self.model, self.state(), self.ends, self.topic, verdict)
        return verdict

    def _count(self, topic: str) -> int:
        """How many partitions a topic has, named without the prefix."""
        if self.output_partitions is None or topic not in TOPIC_OF.values():
            return self.partitions
        return self.output_partitions

    def wait_and_check(self, seconds: float, watch: Callable[[], object] = lambda: None) -> Verdict:
        """Both; fails with the first offending records."""
        self.wait(seconds, watch)
        verdict = self.check()
        assert verdict.ok, str(verdict)
        return verdict

    def check_at_rest(self, seconds: float, watch: Callable[[], object] = lambda: None) -> Verdict:
        """Waits and checks, again while the log grows in between: a scanner sends commands when it likes.

        What is wrong stays wrong: only a comparison with a moving target is repeated.
        """
        deadline = time.monotonic() + seconds
        while True:
            self.wait(seconds, watch)
            compared = self.model.commands
            verdict = self.check()
            self.read_log()
            if verdict.ok or self.model.commands == compared or time.monotonic() > deadline:
                return verdict

    def read_log(self) -> None:
        """Folds the commands that are new in the log."""
        for record in self._read([self.topic]):
            self.model.fold(record)

    def recreated(self) -> None:
        """The topic was created again, and an operator accepted it: its records come on top."""
        self.model.next_generation(self.partitions)
        self.model.misplaced.clear()
        self.model.forwarded.clear()
        self.model.last.clear()
        self.skip_to(dict.fromkeys(range(self.partitions), 0))

    def repartitioned(self, partitions: int) -> None:
        """From the log's present end on there are more partitions, and accounts have other homes."""
        self.read_log()
        self.partitions = partitions
        self.model.next_generation(partitions)

    def skip_to(self, offsets: Mapping[int, int]) -> None:
        """What the log has before these offsets is not to be looked at."""
        self._next |= {(self.topic, partition): offset for partition, offset in offsets.items()}

    def published(self) -> dict[int, int]:
        """How far each partition is published, as the journal tells; nowhere while Kafka is away."""
        try:
            records = self._read([self.prefix + JOURNAL])
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
        names = ("contracts", "former_contracts", "history", "positions")
        contracts, former, history, positions = self._collections(*names)
        return State(contracts, former, history, positions, self.published())

    def _collections(self, *names: str) -> list[list[dict[str, Any]]]:
        with MongoClient[dict[str, Any]](self.mongo_uri, serverSelectionTimeoutMS=10_000) as client:
            database = client.get_database(self.database, codec_options=READ_AS)
            return [list(database[name].find()) for name in names]

    def _consumer(self, group: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "check.crcs": True,
                "reconnect.backoff.max.ms": 200,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )

    def _read(self, topics: list[str]) -> list[LogRecord]:
        """The records since the last time, up to the end of each partition, a partition's in their order."""
        partitions = [
            (topic, number)
            for topic in topics
            for number in range(self._count(topic.removeprefix(self.prefix)))
        ]
        with closing(self._consumer(f"{self.group}-checker")) as consumer:
            consumer.assign([TopicPartition(*each, self._next.get(each, 0)) for each in partitions])
            records = _until_ends(consumer, set(partitions), self.ends if topics == [self.topic] else {})
        for record in records:
            self._next[record.topic, record.partition] = record.offset + 1
        return records


def _until_ends(consumer: Consumer, open_: set[tuple[str, int]], ends: dict[int, int]) -> list[LogRecord]:
    records: list[LogRecord] = []
    deadline = time.monotonic() + READ_SECONDS
    while open_:
        for message in consumer.consume(num_messages=5_000, timeout=0.05):
            error = message.error()
            if error is None:
                records.append(_record(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                open_.discard((message.topic(), message.partition()))
                ends[message.partition() or 0] = message.offset() or 0
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


def settings_environment(
    bootstrap: str, mongo_uri: str, database: str, prefix: str, group: str
) -> Mapping[str, str]:
    """The settings that point a service at what a checker watches."""
    return {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "CONTRACTS_MONGO_URI": mongo_uri,
        "CONTRACTS_MONGO_DATABASE": database,
        "CONTRACTS_TOPIC_PREFIX": prefix,
        "CONTRACTS_GROUP_ID": group,
    }
