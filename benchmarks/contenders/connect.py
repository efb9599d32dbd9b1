"""MongoDB's own Kafka connector, as a sink: what most people use to get a topic into MongoDB."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.checks import check_committed, check_contracts
from benchmarks.contenders.base import Contender
from devstack.cache import cache_folder, locked
from devstack.errors import ServerUnavailable
from devstack.jars import MAVEN_SECONDS, java
from devstack.ports import reserve_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.log import Log
    from benchmarks.world import Run

CONNECTOR_VERSION: Final = "2.0.1"
KAFKA_VERSION: Final = "4.1.0"
_POM: Final = Path(__file__).with_name("connect.xml")

WORKER: Final = {
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    "plugin.discovery": "hybrid_warn",
    "offset.flush.interval.ms": 1000,
    "consumer.isolation.level": "read_committed",
    "consumer.auto.offset.reset": "earliest",
    "consumer.max.poll.records": 5000,
    "consumer.max.partition.fetch.bytes": 4 << 20,
}
SINK: Final = {
    "name": "sink",
    "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
    "collection": "contracts",
    # The business key is the record's key, which the record's value does not repeat.
    "transforms": "key",
    "transforms.key.type": "org.apache.kafka.connect.transforms.HoistField$Key",
    "transforms.key.field": "account_id",
    "document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.PartialKeyStrategy",
    "document.id.strategy.partial.key.projection.type": "allowlist",
    "document.id.strategy.partial.key.projection.list": "account_id",
    "writemodel.strategy": (
        "com.mongodb.kafka.connect.sink.writemodel.strategy.UpdateOneBusinessKeyTimestampStrategy"
    ),
    "max.batch.size": 0,
}


class ConnectSink(Contender):
    """Upserts each record's value under its key."""

    name = "connect_sink"
    title = "MongoDB Kafka Connector sink"
    does = "upsert by business key; no decision, no history, no events; at least once"
    most_processes = 1

    def __init__(self, **settings: object) -> None:
        self._settings = settings

    def group(self, run: Run) -> str:
        """Connect's own naming."""
        return f"connect-{run.name}"

    def members(self, run: Run) -> int:
        """One per task."""
        return self._tasks(run)

    def _tasks(self, run: Run) -> int:
        return min(run.partitions, int(str(self._settings.get("tasks.max", 2))))

    def command(self, run: Run, number: int) -> list[str]:
        """Kafka Connect standalone."""
        port = reserve_port().number
        worker = {
            **WORKER,
            "bootstrap.servers": run.world.kafka.bootstrap,
            "offset.storage.file.filename": run.folder / "connect.offsets",
            "listeners": f"http://127.0.0.1:{port}",
        }
        sink = {
            **SINK,
            "name": run.name,
            "topics": run.commands,
            "connection.uri": run.mongo.uri,
            "database": "contracts",
            "tasks.max": self._tasks(run),
        }
        for name, value in self._settings.items():
            (worker if name in WORKER or name.startswith("consumer.") else sink)[name] = value
        files = [run.folder / f"{kind}-{number}.properties" for kind in ("worker", "sink")]
        for file, settings in zip(files, (worker, sink), strict=True):
            file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        logging = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        main = "org.apache.kafka.connect.cli.ConnectStandalone"
        return [java(), "-Xms256m", "-Xmx2g", logging, "-cp", f"{connect_jars()}/*", main, *map(str, files)]

    def finished(self, run: Run, log: Log, ends: Mapping[int, int]) -> bool:  # noqa: ARG002 - its offsets come later
        """Whether everything is stored; it commits its offsets from time to time."""
        return self.stored(run, log)

    def verify(self, run: Run, logs: Sequence[Log], ends: Mapping[int, int]) -> None:
        """Every account with its last fee, and the offsets that it committed when it was stopped."""
        check_contracts(run, logs, _fee, versions=False)
        check_committed(run.committed(self.group(run)), ends)


def _fee(document: dict[str, Any]) -> Any:
    """The last update's if there was one, else the create's: the sink stores the commands as they are."""
    return document.get("changes", document)["base_monthly_fee"]


def connect_jars() -> Path:
    """Kafka Connect and the connector from Maven Central, in the cache."""
    folder = cache_folder() / f"connect-{KAFKA_VERSION}-mongo-{CONNECTOR_VERSION}"
    if folder.is_dir():
        return folder
    with locked(folder.name):
        if not folder.is_dir():
            _download(folder)
    return folder


def _download(folder: Path) -> None:
    maven = shutil.which("mvn")
    if not maven:
        raise ServerUnavailable("mvn is not on the PATH; needed to download Kafka Connect")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [maven, "-B", "-q", "-f", str(_POM), f"-Dkafka.version={KAFKA_VERSION}"]
    command += [f"-Dconnector.version={CONNECTOR_VERSION}", "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={partial}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAVEN_SECONDS, check=False)
    if done.returncode:
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line]
        raise ServerUnavailable(f"Maven could not download Kafka Connect: {' '.join(errors[:1])}")
    partial.rename(folder)  # whole or not at all
