"""The servers of a benchmark, and the names of one run in them."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient

from benchmarks.journal import JournalWatcher
from consumer.kafka import topics
from consumer.settings import load_settings
from devstack.errors import ServerUnavailable
from devstack.kafka import ApacheKafka, KafkaServer
from devstack.mongo import Secantus, SecantusMongo, SecantusRust, build_secantus_rust, find_secantus_rust
from schemas.topics import COMMANDS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
BROKER_HEAP = "1g"


@dataclass
class Run:
    """One run of one contender: topics, consumer group and database of its own."""

    world: World
    name: str
    partitions: int
    processes: int
    mongo: Secantus

    @property
    def prefix(self) -> str:
        """Before each topic's name."""
        return f"{self.name}."

    @property
    def commands(self) -> str:
        """The input topic."""
        return self.prefix + COMMANDS

    @property
    def folder(self) -> Path:
        """Logs and scratch files of the run."""
        return self.mongo.folder

    @property
    def environment(self) -> dict[str, str]:
        """The service's settings; the other contenders read the same."""
        return {
            "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": self.world.kafka.bootstrap,
            "CONTRACTS_MONGO_URI": self.mongo.uri,
            "CONTRACTS_MONGO_DATABASE": "contracts",
            "CONTRACTS_TOPIC_PREFIX": self.prefix,
            "CONTRACTS_GROUP_ID": self.name,
            "CONTRACTS_HTTP_PORT": "0",
            "CONTRACTS_LOG_LEVEL": "warning",
            "CONTRACTS_TOPIC_REPLICATION_FACTOR": "1",
            "BENCHMARK_PARTITIONS": str(self.partitions),
        }

    @cached_property
    def database(self) -> Any:
        """The run's database."""
        return MongoClient[dict[str, Any]](self.mongo.uri)["contracts"]

    @cached_property
    def journal(self) -> JournalWatcher:
        """How far the service has published."""
        return JournalWatcher(self)

    def committed(self, group: str) -> dict[int, int]:
        """The group's committed offsets; partitions without one are left out."""
        partitions = [TopicPartition(self.commands, number) for number in range(self.partitions)]
        asked = self.world.admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, partitions)]
        )
        found = asked[group].result().topic_partitions
        return {row.partition: row.offset for row in found if row.offset >= 0}

    def members(self, group: str) -> int:
        """How many members of the group have got their share of the partitions."""
        described = self.world.admin.describe_consumer_groups([group])[group].result()
        assigned = [member.assignment.topic_partitions for member in described.members if member.assignment]
        whole = sum(map(len, assigned)) == self.partitions
        return len(described.members) if whole else 0


class World:
    """A broker for the whole benchmark, and a fresh database for each run. `kafka` None: Apache Kafka."""

    def __init__(self, folder: Path, kafka: KafkaServer | None = None) -> None:
        self.folder = folder
        self.kafka = kafka or ApacheKafka(folder / "kafka", heap=BROKER_HEAP, java_options=())
        self.database_kind = _database_kind()
        self._numbers = itertools.count(1)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.kafka)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def admin(self) -> AdminClient:
        """For questions to the broker."""
        return AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})

    @contextmanager
    def run(self, what: str, *, partitions: int, processes: int, synced: bool = False) -> Iterator[Run]:
        """A fresh run with its topics; afterwards its data is gone.

        Unless `synced`, commits are not synced to disk. Comparisons are made so, because SecantusDB syncs
        every single update of a bulk write outside a transaction, where MongoDB syncs the bulk once: it
        would cost the contenders without transactions 2 ms a document that MongoDB never asks for.
        """
        name = f"{what}-{next(self._numbers)}"
        with self.database_kind(self.folder / name, lossy=not synced) as mongo:
            run = Run(self, name, partitions, processes, mongo)
            settings = load_settings(
                kafka_bootstrap_servers=self.kafka.bootstrap,
                topic_prefix=run.prefix,
                topic_replication_factor=1,
            )
            asyncio.run(topics.ensure(settings, partitions))
            try:
                yield run
            finally:
                for done in self.admin.delete_topics([run.prefix + topic for topic in TOPICS]).values():
                    done.result()
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def describe(self) -> dict[str, str]:
        """The servers, in words."""
        database = self.database_kind(self.folder / "unused")
        return {
            "broker": f"Apache Kafka {self.kafka.version}",
            "database": f"SecantusDB {database.version} ({database.kind})",
        }


def _database_kind() -> type[Secantus]:
    """The fast database where it is or can be built; else the embedded one, and it says so."""
    if find_secantus_rust() is None:
        try:
            build_secantus_rust()
        except ServerUnavailable as error:
            print(
                f"NOTE: {error}.\nThe slower embedded database takes its place: ratios to contenders that "
                "write less than the service look worse than they are.",
                file=sys.stderr,
            )
            return SecantusMongo
    return SecantusRust
