"""The servers of a test run: started when the first test asks, shared by all, mended between tests."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic

from devstack.given import GivenKafka, GivenMongo
from devstack.jars import jars_cached
from devstack.kafka import DEFAULT_VERSION, KafkaServer
from devstack.mongo import MongoServer
from devstack.server import Server
from devstack.stack import BROKERS, DATABASES

GIVEN_KAFKA = os.environ.get("CONTRACTS_TEST_KAFKA")
GIVEN_MONGO = os.environ.get("CONTRACTS_TEST_MONGO")
KAFKA_VERSION = os.environ.get("CONTRACTS_TEST_KAFKA_VERSION", DEFAULT_VERSION)
MONGO_KIND = os.environ.get("CONTRACTS_TEST_MONGO_KIND", "secantus")
REAL_REQUIRED = os.environ.get("CI", "").lower() in {"1", "true"}


def broker_kinds() -> list[str]:
    """All kinds of broker: the tests of the contract and of the devstack run on each."""
    return ["given"] if GIVEN_KAFKA else list(BROKERS)


def broker_kind() -> str:
    """The kind on which all other tests run: the real one, where it can start or must."""
    if GIVEN_KAFKA:
        return "given"
    return "apache" if REAL_REQUIRED or not missing_for("apache") else "noida"


def mongo_kind() -> str:
    """The kind of database of all tests but those of the contract and of the devstack."""
    return "given" if GIVEN_MONGO else MONGO_KIND


def missing_for(kind: str) -> str | None:
    """Why a broker of this kind cannot start here; None when it can."""
    if kind != "apache":
        return None
    needed = ["java"] if jars_cached(KAFKA_VERSION) else ["java", "mvn"]
    missing = [program for program in needed if not shutil.which(program)]
    return f"{' and '.join(missing)} not on the PATH" if missing else None


class Servers:
    """Each kind of server at most once per test run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: dict[str, Any] = {}

    def kafka(self, kind: str) -> KafkaServer | GivenKafka:
        """Return the broker of this kind, started and answering."""
        if kind == "given":
            return self._get("kafka given", lambda: GivenKafka(GIVEN_KAFKA))
        options = {"version": KAFKA_VERSION} if kind == "apache" else {}
        return self._get(f"kafka {kind}", lambda: BROKERS[kind](self.folder / kind, **options))

    def mongo(self, kind: str) -> MongoServer | GivenMongo:
        """Return the database of this kind, started and answering."""
        if kind == "given":
            return self._get("mongo given", lambda: GivenMongo(GIVEN_MONGO))
        return self._get(f"mongo {kind}", lambda: DATABASES[kind](self.folder / kind))

    def close(self) -> None:
        """Stop what was started."""
        for server in self._started.values():
            if isinstance(server, KafkaServer | MongoServer):
                server.close()

    def _get(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._started:
            self._started[name] = make()
        self._started[name].heal()  # a fault test may have left it paused or dead
        return self._started[name]


def describe(server: Server | GivenKafka | GivenMongo) -> str:
    """Family, kind and version in a line."""
    family = "kafka" if isinstance(server, KafkaServer | GivenKafka) else "mongo"
    return f"{family} {server.kind} {server.version}"


def create_topic(bootstrap: str, name: str, partitions: int = 1, **config: str) -> str:
    """Create a topic and return its name once each of its partitions has a leader."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    [done] = admin.create_topics(
        [NewTopic(name, partitions, 1, config=config)], operation_timeout=15
    ).values()
    done.result()
    deadline = time.monotonic() + 15
    while True:
        found = admin.list_topics(name, timeout=5).topics[name].partitions
        if len(found) == partitions and all(partition.leader >= 0 for partition in found.values()):
            return name
        if time.monotonic() > deadline:
            raise TimeoutError(f"topic {name} has no leaders: {found}")
        time.sleep(0.01)
