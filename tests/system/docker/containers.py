"""Kafka and MongoDB in containers of testcontainers, for the tests that take given servers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException
from pymongo.errors import PyMongoError
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from devstack.kafka import probe_kafka
from devstack.mongo import probe_mongo
from devstack.ports import reserve_port
from tests.system.docker.compose import SERVERS, build_stand_ins, stand_ins_needed

START_SECONDS = 90
INITIATE = 'rs.initiate({_id: "rs0", members: [{_id: 0, host: "localhost:27017"}]})'


@contextmanager
def servers() -> Iterator[tuple[str, str]]:
    """A broker's address and a connection string; stand-ins where no registry is reached."""
    stand_ins = stand_ins_needed()
    if stand_ins:
        build_stand_ins()
        testcontainers_config.ryuk_disabled = True  # its image cannot be had, either
    kafka, bootstrap = _kafka()
    with kafka, _mongo(stand_ins) as mongo:
        uri = f"mongodb://127.0.0.1:{mongo.get_exposed_port(27017)}/?directConnection=true"
        if not stand_ins:
            _until(lambda: mongo.exec(["mongosh", "--quiet", "--eval", INITIATE]).exit_code == 0)
        _until(lambda: probe_mongo(uri))
        _until(lambda: probe_kafka(bootstrap) or True)
        yield bootstrap, uri


def _kafka() -> tuple[DockerContainer, str]:
    """The port is the same inside and outside: a broker tells its clients where it is."""
    port = reserve_port()
    port.release()
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"HOST://:{port.number},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"HOST://127.0.0.1:{port.number}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "HOST:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "HOST",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    }
    container = DockerContainer(SERVERS[0]).with_bind_ports(port.number, port.number)
    return container.with_envs(**settings), f"127.0.0.1:{port.number}"


def _mongo(stand_ins: bool) -> DockerContainer:
    if stand_ins:
        command = "--host 0.0.0.0 --port 27017 --storage-path /data/db --sync-on-commit"
        return DockerContainer("secantus:local").with_command(command).with_exposed_ports(27017)
    container = DockerContainer("mongo:8.0").with_command("--replSet rs0 --bind_ip_all")
    return container.with_exposed_ports(27017)


def _until(answers: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if answers():
                return
        except (KafkaException, PyMongoError):
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise TimeoutError("the container does not come up")
        time.sleep(0.2)
