"""Where position and log do not fit together: the service stops by name, and goes on as the operator decides.

Each test brings the misfit about, sees the error that names it, checks that nothing was written or
published, gives the decision with `contracts positions reset`, and compares everything at the end.
"""

from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, OffsetSpec
from pymongo import MongoClient

from consumer import errors
from consumer.errors import PositionError
from consumer.storage.protocols import OUTBOX_SLOTS
from devstack.kafka import ApacheKafka
from devstack.proof.checker import OUTPUTS
from tests.faults.conftest import MakeScene
from tests.faults.scene import Scene
from tests.faults.workers import Worker, until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

PARTITIONS = 2


@pytest.fixture
def scene(make_scene: MakeScene, mongo: Any) -> Scene:
    return make_scene(mongo, partitions=PARTITIONS, accounts=40)


def worked(scene: Scene, commands: int = 150) -> None:
    """The service has done its work, and was stopped."""
    worker = scene.start()
    scene.publish(commands)
    scene.done()
    worker.stop()


def unpublished(scene: Scene) -> None:
    """A worker died between the two transactions: what it stored is not published yet."""
    victim = scene.start(FAULTS_STOP_AT="stored:1:KILL")
    scene.publish(40)
    victim.wait_ended()
    assert scene.checker.positions() != scene.checker.committed()


def stopped(
    scene: Scene, error: type[PositionError], partitions: int = PARTITIONS, **settings: str
) -> Worker:
    """A worker that stopped in so many partitions with this error, and goes on running."""
    worker = scene.start(**settings)
    words = error.why.split("{")[0].strip()

    def lines() -> list[dict[str, Any]]:
        worker.check()
        return [line for line in worker.lines("partition stopped") if words in line["error"]]

    until(
        lambda: len(lines()) >= partitions, 20, f"all partitions stop with {error.__name__}: {worker.tail()}"
    )
    assert len(list(worker.lines("partition stopped"))) == partitions
    for line in lines():
        assert (
            f"positions reset --partition {line['error'].split(':')[0][-1]} {error.decision}" in line["hint"]
        )
    return worker


def decided(scene: Scene, worker: Worker, *decision: str) -> None:
    """Stops the service, lets the operator decide, and starts it again."""
    if worker.running:
        worker.stop()
    scene.contracts("positions", "reset", *decision)
    scene.start()


def database(scene: Scene) -> Any:
    return MongoClient[dict[str, Any]](scene.checker.mongo_uri)[scene.checker.database]


@pytest.fixture
def admin(apache_kafka: ApacheKafka) -> AdminClient:
    return AdminClient({"bootstrap.servers": apache_kafka.bootstrap, "log_level": 0})


def recreate(scene: Scene, admin: AdminClient) -> None:
    """The command topic is deleted and made anew, empty."""
    finished(admin.delete_topics([scene.checker.topic], operation_timeout=30))
    until(lambda: scene.checker.topic not in admin.list_topics().topics, 20, "the topic is gone")
    scene.create_topics(scene.checker.bootstrap)


def rename(scene: Scene, suffix: str, group: str | None = None) -> None:
    """The service is given another group id."""
    scene.checker.group = (group or scene.checker.group) + suffix
    scene.environment["CONTRACTS_GROUP_ID"] = scene.checker.group


def finished(futures: dict[Any, Any]) -> None:
    for future in futures.values():
        future.result(30)


def test_a_missing_committed_offset(scene: Scene, admin: AdminClient) -> None:
    """Kafka has forgotten the group: its offsets expired, or somebody deleted them."""
    worked(scene)
    finished(admin.delete_consumer_groups([scene.checker.group]))
    scene.publish(50)
    worker = stopped(scene, errors.OffsetMissing)
    decided(scene, worker, "--to-database")
    scene.done()


def test_a_lost_database_is_rebuilt_from_the_log(scene: Scene) -> None:
    """The same contracts and the same history, and nothing is published again."""
    worked(scene)
    database(scene).client.drop_database(scene.checker.database)
    scene.publish(50)
    worker = stopped(scene, errors.PositionMissing)
    decided(scene, worker, "--rebuild")
    scene.done()


def test_a_deleted_and_recreated_topic(scene: Scene, admin: AdminClient) -> None:
    worked(scene)
    recreate(scene, admin)
    scene.publish(60)
    worker = stopped(scene, errors.TopicRecreated)
    scene.checker.recreated()
    decided(scene, worker, "--new-generation")
    scene.done()


def test_a_changed_partition_count(scene: Scene, admin: AdminClient) -> None:
    """The partitions that were added must not begin either: their accounts lived in the others."""
    worked(scene)
    topics = [scene.checker.topic, *(scene.prefix + topic for topic in OUTPUTS)]
    finished(admin.create_partitions([NewPartitions(topic, PARTITIONS + 1) for topic in topics]))
    scene.checker.repartitioned(PARTITIONS + 1)
    scene.publish(60)
    worker = stopped(scene, errors.PartitionCountChanged, PARTITIONS + 1)
    decided(scene, worker, "--accept-partition-count")
    scene.publish(60)
    scene.done()


def test_a_log_cut_off_below_the_position(scene: Scene, admin: AdminClient) -> None:
    """Records were deleted before they were read: they are lost, and somebody must say so."""
    worked(scene)
    reached = scene.checker.committed()
    scene.publish(60)
    cut = {partition: offset + 5 for partition, offset in reached.items()}
    offsets = [TopicPartition(scene.checker.topic, *each) for each in cut.items()]
    finished(admin.delete_records(offsets))
    worker = stopped(scene, errors.PositionBeforeLog)
    scene.checker.skip_to(cut)
    decided(scene, worker, "--to-log-start")
    scene.done()


def test_a_log_that_lost_its_tail(scene: Scene, admin: AdminClient) -> None:
    """What was applied from there stays; other records have its offsets now."""
    worked(scene)
    reached = scene.checker.committed()
    recreate(scene, admin)
    scene.publish(20)
    offsets = [TopicPartition(scene.checker.topic, *each) for each in reached.items()]
    committed = ConsumerGroupTopicPartitions(scene.checker.group, offsets)
    finished(admin.alter_consumer_group_offsets([committed]))
    worker = stopped(scene, errors.PositionBeyondLog)
    scene.checker.recreated()
    latest = {
        TopicPartition(scene.checker.topic, number): OffsetSpec.latest() for number in range(PARTITIONS)
    }
    found = admin.list_offsets(latest).items()
    scene.checker.skip_to({place.partition: future.result(30).offset for place, future in found})
    decided(scene, worker, "--to-log-end")
    scene.publish(60)
    scene.done()


def test_another_group(scene: Scene) -> None:
    worked(scene)
    scene.publish(50)
    rename(scene, "-renamed")
    worker = stopped(scene, errors.GroupChanged)
    decided(scene, worker, "--accept-group")
    scene.done()


def test_another_group_before_everything_was_published(scene: Scene) -> None:
    worked(scene)
    unpublished(scene)
    before = scene.checker.group
    rename(scene, "-renamed")
    worker = stopped(scene, errors.GroupChanged)
    worker.stop()
    with pytest.raises(AssertionError, match=f"the group {before} has published"):
        scene.contracts("positions", "reset", "--accept-group")
    assert database(scene).positions.distinct("group") == [before]  # of neither partition
    rename(scene, "", before)
    worker = scene.start()
    scene.done()
    rename(scene, "-renamed")
    decided(scene, worker, "--accept-group")
    scene.publish(50)
    scene.done()


def test_another_cluster(scene: Scene) -> None:
    worked(scene)
    scene.publish(50)
    database(scene).positions.update_many({}, {"$set": {"cluster": "the-one-before"}})
    worker = stopped(scene, errors.ClusterChanged)
    decided(scene, worker, "--accept-cluster")
    scene.done()


def test_a_hole_in_what_was_to_be_published(scene: Scene) -> None:
    """The outputs of a stored batch are gone: they are lost, exactly they, once somebody says so."""
    worked(scene)
    published = scene.checker.committed()
    victim = scene.start(FAULTS_STOP_AT="stored:1:KILL")
    scene.publish(40)
    victim.wait_ended()
    stored = scene.checker.positions()
    holes = [number for number in published if stored[number] > published[number]]
    # Only theirs: in another partition's slots a transaction of the victim may still be open.
    slots = [f"{scene.checker.topic}/{number}/{slot}" for number in holes for slot in range(OUTBOX_SLOTS)]
    assert database(scene).outbox.delete_many({"_id": {"$in": slots}}).deleted_count
    worker = stopped(scene, errors.OutboxHole, len(holes))
    decided(scene, worker, *(f"--partition={number}" for number in holes), "--to-database")
    scene.wait()
    verdict = scene.checker.check()
    unpublished = sum(stored[number] - published[number] for number in holes)
    assert verdict.counts.pop("lost") >= unpublished
    assert verdict.ok, str(verdict)


def test_a_torn_backup(scene: Scene) -> None:
    """Contracts of one moment, positions of an earlier one: refused, and rebuilt into an empty database."""
    worked(scene)
    before = {each["_id"]: each for each in scene.checker.state().positions}
    worked(scene)
    for position in before.values():
        database(scene).positions.replace_one({"_id": position["_id"]}, position)
    worker = stopped(scene, errors.TornDatabase)
    worker.stop()
    database(scene).client.drop_database(scene.checker.database)
    decided(scene, worker, "--rebuild")
    scene.done()
