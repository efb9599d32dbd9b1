"""Three brokers, of which the one that matters most just then is killed or frozen."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from consumer.kafka.topic_plan import plan
from consumer.settings import load_settings
from devstack.cluster import KafkaCluster
from devstack.proof.watched import COMMANDS, JOURNAL
from schemas.topics import COMMAND_RESULTS
from tests.servers import REAL_REQUIRED, missing_for
from tests.system.faults.deciding import finished
from tests.system.faults.events import seconds_to_new_events
from tests.system.faults.scene import Scene
from tests.system.faults.workers import sleep_as_fault, until

pytestmark = pytest.mark.fault

STARTED_SECONDS = 60
BELIEVED_SECONDS = 12.0
"""For so long a deposed leader is the only broker that answers. Who wants to read from it first asks the
frozen brokers in turn, up to four times for a second, or several on a busy machine."""

PATIENCE = {
    "CONTRACTS_TOPIC_REPLICATION_FACTOR": "3",
    "CONTRACTS_KAFKA_REQUEST_TIMEOUT_MS": "1000",
}

MakeScene = Callable[..., Scene]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    missing = missing_for("apache")
    if missing and not REAL_REQUIRED:
        pytest.skip(f"Apache Kafka not tested: {missing}")
    with KafkaCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: KafkaCluster) -> KafkaCluster:
    """All of its brokers in sync, whatever the test before did to them."""
    shared.heal()
    return shared


@pytest.fixture
def make(cluster: KafkaCluster, mongo: Any, test_id: str, tmp_path: Path) -> Iterator[MakeScene]:
    scenes: list[Scene] = []

    def make(partitions: int) -> Scene:
        scene = Scene(
            cluster.bootstrap, mongo.uri, f"f{test_id}", tmp_path, partitions=partitions, environment=PATIENCE
        )
        scenes.append(scene)
        return scene

    yield make
    for scene in scenes:
        scene.__exit__(None, None, None)


def test_the_transaction_coordinator_killed_in_the_middle_of_a_publication(
    cluster: KafkaCluster, make: MakeScene
) -> None:
    """The outputs are written, and nobody is there any more to be told that they are committed."""
    scene = make(4)
    worker = scene.start(FAULTS_STOP_AT="publishing:2:STOP", CONTRACTS_MAX_BATCH_COMMANDS="20")
    worker.wait_for("took over", STARTED_SECONDS)
    scene.publish(200)
    until(lambda: worker.paused, "the worker stops in the middle of a publication")
    cluster.roles.transaction_coordinator(scene.checker.watched.publisher(0)).kill()
    worker.resume()
    scene.done()
    assert list(worker.lines("taking over again"))
    worker.check()


def test_the_group_coordinator_killed_while_a_worker_joins(cluster: KafkaCluster, make: MakeScene) -> None:
    scene = make(4)
    workers = [scene.start()]
    workers[0].wait_for("took over", STARTED_SECONDS)
    with scene.flowing(60):
        workers.append(scene.start())
        workers[0].wait_for("revoked", STARTED_SECONDS, partitions=list(range(4)))
        cluster.roles.group_coordinator(scene.checker.watched.group).kill()
        workers[1].wait_for("took over")
        seconds_to_new_events(scene, range(4))
    scene.done()
    for worker in workers:
        worker.check()


@pytest.mark.parametrize("topic", [COMMANDS, JOURNAL])
def test_a_partition_without_a_leader_holds_up_no_other(
    cluster: KafkaCluster, make: MakeScene, test_id: str, topic: str
) -> None:
    """It has only one replica, which is gone when its worker takes over."""
    alone(cluster, f"f{test_id}.", topic)
    scene = make(2)
    cluster.nodes[-1].kill()
    worker = scene.start()
    worker.wait_for("took over", STARTED_SECONDS, partitions=[0])
    worker.wait_for("partition left out", partition=1)
    with scene.flowing(60):
        seconds_to_new_events(scene, [0])
        cluster.heal()
        worker.wait_for("took over", STARTED_SECONDS, partitions=[0, 1])
    scene.done()
    worker.check()


def test_an_output_without_a_leader_holds_up_no_other_partition(
    cluster: KafkaCluster, make: MakeScene, test_id: str
) -> None:
    """It has only one replica, which is gone before anything is published there."""
    alone(cluster, f"f{test_id}.", COMMAND_RESULTS)
    scene = make(2)
    cluster.nodes[-1].kill()
    worker = scene.start(CONTRACTS_TRANSACTION_TIMEOUT_MS="5000")
    worker.wait_for("took over", STARTED_SECONDS, partitions=[0, 1])
    with scene.flowing(60):
        worker.wait_for("partition left out", STARTED_SECONDS, partition=1)
        seconds_to_new_events(scene, [0])
        cluster.heal()
        worker.wait_for("took over", STARTED_SECONDS, partitions=[0, 1], count=2)
    scene.done()
    worker.check()


def alone(cluster: KafkaCluster, prefix: str, name: str) -> None:
    """Makes a topic whose partitions have one replica: the first node the one, the last node the other."""
    settings = load_settings(kafka_bootstrap_servers=cluster.bootstrap, topic_prefix=prefix)
    (planned,) = (topic for topic in plan(settings, 2) if topic.name == prefix + name)
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    made = NewTopic(
        planned.name,
        num_partitions=2,
        replica_assignment=[[cluster.nodes[0].number], [cluster.nodes[-1].number]],
        config={**planned.settings, "min.insync.replicas": "1"},
    )
    finished(admin.create_topics([made]))


def test_a_deposed_leader_of_the_journal_is_not_believed(cluster: KafkaCluster, make: MakeScene) -> None:
    """It does not know yet that there is another one, and answers with the progress from before."""
    scene = make(1)
    journal = (scene.prefix + JOURNAL, 0)
    scene.publish(100)
    worker = scene.start()
    scene.wait()
    deposed = cluster.roles.leader(*journal)
    others = [node for node in cluster.nodes if node is not deposed]
    deposed.pause()
    scene.publish(100)
    scene.wait()
    worker.kill()
    successor = scene.start(FAULTS_STOP_AT="claimed:1:STOP")
    until(lambda: successor.paused, "the successor stops before it looks into the journal")
    assert cluster.roles.leader(*journal) is not deposed
    for node in others:
        node.pause()
    deposed.resume()
    successor.resume()
    sleep_as_fault(BELIEVED_SECONDS)
    for node in others:
        node.resume()
    successor.wait_for("took over")
    scene.done()
