"""Kafka brokers: the real one, and one embedded in a Python package."""

import base64
import importlib.metadata
import importlib.util
import subprocess
import tempfile
import uuid
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from devstack.class_archive import class_archive
from devstack.errors import ServerUnavailable
from devstack.jars import java, kafka_jars
from devstack.server import Server

DEFAULT_VERSION = "4.1.0"

_LOGGING = [
    f"-Dorg.slf4j.simpleLogger.{name}={value}"
    for name, value in (
        ("defaultLogLevel", "warn"),
        ("showDateTime", "true"),
        ("dateTimeFormat", "HH:mm:ss.SSS"),
    )
]

QUICK_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options of Java for a broker that dies often: it starts with less CPU, and never gets as fast."""

_SMALL = {
    "auto.create.topics.enable": "false",
    # After a kill the controller refuses the broker until its old session has timed out.
    "broker.heartbeat.interval.ms": 500,
    "broker.session.timeout.ms": 2000,
    "group.initial.rebalance.delay.ms": 0,
    # Tests with dead members wait as long as these may be silent.
    "group.min.session.timeout.ms": 1000,
    # One node: nothing to replicate to. Few partitions: each costs files and start time.
    "offsets.topic.num.partitions": 4,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # The default takes a quarter of this small heap.
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
}
"""Properties of a broker for tests, which dies often and has little to do."""


def probe_kafka(bootstrap: str) -> None:
    """Raise unless the broker's group and transaction coordinators answer.

    A broker answers metadata requests seconds before its coordinators; a test that starts then meets errors.
    """
    client = {"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.ms": 20}
    Producer({**client, "transactional.id": "devstack-ready"}).init_transactions(5)
    consumer = Consumer({**client, "group.id": "devstack-ready"})
    try:
        consumer.committed([TopicPartition("devstack-ready", 0)], timeout=5)
    finally:
        consumer.close()


def new_cluster_id() -> str:
    """An id as Kafka's storage tool makes them."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


class KafkaServer(Server):
    """A Kafka broker."""

    @property
    def bootstrap(self) -> str:
        """Address for `bootstrap_servers`."""
        return f"127.0.0.1:{self.port}"

    def _probe(self) -> None:
        probe_kafka(self.bootstrap)

    @abstractmethod
    def _command(self) -> Sequence[str]: ...


class NoidaKafka(KafkaServer):
    """The broker of the package noida-db: ready in a moment, for a first try and where Java is missing.

    It keeps everything in memory and writes it down about once a second and when it is stopped. Killed, it
    forgets topics and acknowledged, committed records of the last second: fault tests need ApacheKafka.
    """

    kind = "noida"
    durable = False

    @property
    def version(self) -> str:
        """Version of the package."""
        return importlib.metadata.version("noida-db")

    def _command(self) -> Sequence[str]:
        spec = importlib.util.find_spec("noida_db")
        if spec is None or not spec.submodule_search_locations:
            raise ServerUnavailable("the package noida-db is not installed; needed: pip install .[embedded]")
        # The binary itself: the package's script would stay in between and take the kill -9 in its place.
        program = Path(next(iter(spec.submodule_search_locations))) / "noida-db"
        program.chmod(0o755)
        return [
            str(program),
            "start",
            "--only",
            "kafka",
            "--kafka-port",
            str(self.port),
            "--data-dir",
            str(self.data),
        ]


class ApacheKafka(KafkaServer):
    """Apache Kafka: one KRaft node, broker and controller in one JVM.

    `properties` are added to the broker's settings and win over them. `listeners` adds listeners by name and
    security protocol, for example `{"SECURE": "SASL_SSL"}`; `address("SECURE")` is where it listens.
    Clients are told to come back to `advertised_port`, so that they stay behind a proxy. `java_options`: of
    Java; those of brokers that live long and must be fast are none.
    """

    kind = "apache"
    ready_seconds = 90.0
    stop_seconds = 30.0
    number = 1
    """Its number among the nodes of its cluster."""

    def __init__(
        self,
        folder: Path,
        *,
        version: str = DEFAULT_VERSION,
        properties: Mapping[str, object] | None = None,
        listeners: Mapping[str, str] | None = None,
        advertised_port: int | None = None,
        heap: str = "512m",
        java_options: Sequence[str] = QUICK_START,
    ) -> None:
        super().__init__(folder)
        self._version = version
        self.properties = dict(properties or {})
        self.listeners = dict(listeners or {})
        self.advertised_port = advertised_port
        self.heap = heap
        self.java_options = java_options

    @property
    def version(self) -> str:
        """Version of the broker."""
        return self._version

    def address(self, listener: str) -> str:
        """Where one of the added listeners listens."""
        return f"127.0.0.1:{self._port(listener)}"

    def _voters(self) -> str:
        """All controllers, as `controller.quorum.voters` lists them."""
        return f"{self.number}@{self.address('CONTROLLER')}"

    def _cluster_id(self) -> str:
        """What the nodes of a cluster have in common, and no other cluster has."""
        return new_cluster_id()

    def _probe(self) -> None:
        probe_kafka(self.address("INTERNAL"))  # answers also when the advertised proxy does not

    def _command(self) -> Sequence[str]:
        config = self.folder / "server.properties"
        config.write_text("".join(f"{name}={value}\n" for name, value in self._settings().items()))
        jars = ["-cp", f"{kafka_jars(self.version)}/*", *self._class_options()]
        if not (self.data / "meta.properties").exists():
            # A short run: it ends before what is compiled for speed would be ready.
            self._format([java(), "-Xmx256m", *QUICK_START, *jars], config)
        return [java(), f"-Xmx{self.heap}", *self.java_options, *_LOGGING, *jars, "kafka.Kafka", str(config)]

    def _class_options(self) -> Sequence[str]:
        if self.java_options != QUICK_START:
            return ()
        archive = class_archive(self.version, self._record_classes)
        return [f"-XX:SharedArchiveFile={archive}"] if archive else ()

    def _record_classes(self, path: Path) -> None:
        options = [*QUICK_START, f"-XX:ArchiveClassesAtExit={path}"]
        with (
            tempfile.TemporaryDirectory() as folder,
            ApacheKafka(Path(folder), version=self.version, java_options=options),
        ):
            pass  # it writes the archive when it ends

    def _format(self, command: Sequence[str], config: Path) -> None:
        # With "=": the id may begin with "-".
        arguments = [
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={self._cluster_id()}",
            "-c",
            str(config),
        ]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise ServerUnavailable(
                f"Apache Kafka {self.version} could not format {self.data}: {' '.join(reason)}"
            )

    def _settings(self) -> dict[str, Any]:
        internal, controller = self._port("INTERNAL"), self._port("CONTROLLER")
        protocols = {
            "INTERNAL": "PLAINTEXT",
            "CONTROLLER": "PLAINTEXT",
            "CLIENT": "PLAINTEXT",
            **self.listeners,
        }
        listen = {
            "INTERNAL": internal,
            "CLIENT": self.port,
            **{name: self._port(name) for name in self.listeners},
        }
        advertise = {**listen, "CLIENT": self.advertised_port or self.port}
        return {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.quorum.voters": self._voters(),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INTERNAL",
            "listeners": _addresses({**listen, "CONTROLLER": controller}),
            "advertised.listeners": _addresses(advertise),
            "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
            "log.dirs": self.data,
            **_SMALL,
            **self.properties,
        }


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
