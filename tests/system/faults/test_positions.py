"""Where position and log do not fit together: the service stops by name, and goes on as the operator decides.

Each test brings the misfit about, sees the error that names it, checks that nothing was written or
published, gives the decision with `contracts positions reset`, and compares everything at the end.
"""

import json
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from consumer import errors
from devstack.kafka import KafkaServer
from devstack.proof.checker import OUTPUTS
from devstack.proof.load import Load
from schemas.topics import POSITIONS
from tests.system.faults.conftest import MakeScene
from tests.system.faults.deciding import (
    created_times,
    database,
    decided,
    finished,
    records_of,
    remake,
    send_again,
    standing,
    stopped,
    unpublished,
    worked,
)
from tests.system.faults.scene import Scene

pytestmark = pytest.mark.fault

PARTITIONS = 2


@pytest.fixture
def scene(make_scene: MakeScene, mongo: Any) -> Scene:
    return make_scene(mongo, partitions=PARTITIONS, accounts=40)


def test_a_journal_made_anew(scene: Scene, admin: AdminClient) -> None:
    worked(scene)
    remake(scene, admin, scene.prefix + POSITIONS)
    scene.checker.watched.journal_made_anew()
    scene.publish(50)
    worker = stopped(scene, errors.JournalMissing, PARTITIONS)
    decided(scene, worker, "--to-database")
    scene.done()


def test_a_stranger_s_record_in_the_journal(scene: Scene) -> None:
    worked(scene)
    stranger = Producer({"bootstrap.servers": scene.checker.watched.bootstrap})
    stranger.produce(scene.prefix + POSITIONS, b"hello", b"who are you", partition=0)
    stranger.flush(10)
    scene.publish(50)
    worker = stopped(scene, errors.JournalForeign, 1)
    decided(scene, worker, "--to-database")
    scene.done()


def test_a_lost_database_is_rebuilt_from_the_log(scene: Scene) -> None:
    """The same contracts and the same history, and nothing is published again."""
    worked(scene)
    database(scene).client.drop_database(scene.checker.watched.database)
    scene.publish(50)
    worker = stopped(scene, errors.PositionMissing, PARTITIONS)
    decided(scene, worker, "--rebuild")
    scene.done()


@pytest.mark.parametrize("commands", [60, 400], ids=["fewer commands", "more commands"])
def test_a_deleted_and_recreated_topic(scene: Scene, admin: AdminClient, commands: int) -> None:
    worked(scene)
    remake(scene, admin, scene.checker.watched.topic)
    scene.publish(commands)
    worker = stopped(scene, errors.TopicRecreated, PARTITIONS)
    worker.stop()
    for another in "--to-log-end", "--to-database":
        with pytest.raises(AssertionError, match="partition 0 asks for --new-generation"):
            scene.contracts("positions", "reset", another)
    scene.checker.recreated()
    decided(scene, worker, "--new-generation")
    scene.done()


@pytest.mark.parametrize("commands", [60, 400], ids=["fewer commands", "more commands"])
def test_a_topic_recreated_under_a_running_service(
    make_scene: MakeScene, mongo: Any, kafka: KafkaServer, commands: int
) -> None:
    """Within seconds: before anything of the old topic times out."""
    allowed = {"CONTRACTS_SESSION_TIMEOUT_MS": "6000"}  # the embedded broker takes nothing below
    scene = make_scene(mongo, kafka.bootstrap, partitions=PARTITIONS, accounts=40, environment=allowed)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    worker = scene.start()
    scene.publish(150)
    scene.done()
    before = standing(scene)
    remake(scene, admin, scene.checker.watched.topic)
    scene.publish(commands)
    worker.wait_for("partition stopped", count=PARTITIONS)
    for line in worker.lines("partition stopped"):
        assert "--new-generation" in line["hint"]
    assert standing(scene) == before
    scene.checker.recreated()
    decided(scene, worker, "--new-generation")
    scene.done()


def test_a_log_that_lost_its_tail(scene: Scene, admin: AdminClient) -> None:
    """What was applied from there stays; other records have its offsets now."""
    scene.load = Load(1, accounts=40, rubbish=0, misplaced=0)
    worked(scene)
    log = records_of(scene)
    kept = [record for record in log if record.offset < min(scene.checker.watched.published().values()) - 10]
    remake(scene, admin, scene.checker.watched.topic)
    with created_times(admin, scene.checker.watched.topic):
        send_again(scene, kept)
    worker = stopped(scene, errors.PositionBeyondLog, PARTITIONS)
    scene.checker.recreated()
    ends = [max(record.offset for record in kept if record.partition == n) for n in range(PARTITIONS)]
    scene.checker.watched.skip_to({number: end + 1 for number, end in enumerate(ends)})
    decided(scene, worker, "--to-log-end")
    scene.publish(60)
    scene.done()


def test_a_changed_partition_count(scene: Scene, admin: AdminClient) -> None:
    """The partitions that were added must not begin either: their accounts lived in the others."""
    worked(scene)
    topics = [scene.checker.watched.topic, *(scene.prefix + topic for topic in (*OUTPUTS, POSITIONS))]
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
    reached = scene.checker.watched.published()
    scene.publish(60)
    cut = {partition: offset + 5 for partition, offset in reached.items()}
    offsets = [TopicPartition(scene.checker.watched.topic, *each) for each in cut.items()]
    finished(admin.delete_records(offsets))
    worker = stopped(scene, errors.PositionBeforeLog, PARTITIONS)
    scene.checker.watched.skip_to(cut)
    decided(scene, worker, "--to-log-start")
    scene.done()


def test_another_group(scene: Scene) -> None:
    worked(scene)
    scene.publish(50)
    scene.rename_group("renamed")
    worker = stopped(scene, errors.GroupChanged, PARTITIONS)
    decided(scene, worker, "--accept-group")
    scene.done()


def test_another_group_before_everything_was_published(scene: Scene) -> None:
    """What is published stands in the journal, whatever the group is called."""
    worked(scene)
    unpublished(scene)
    scene.rename_group("renamed")
    worker = stopped(scene, errors.GroupChanged, PARTITIONS)
    decided(scene, worker, "--accept-group")
    scene.publish(50)
    scene.done()


def test_another_cluster(scene: Scene) -> None:
    worked(scene)
    scene.publish(50)
    database(scene).positions.update_many({}, {"$set": {"cluster": "the-one-before"}})
    worker = stopped(scene, errors.ClusterChanged, PARTITIONS)
    decided(scene, worker, "--accept-cluster")
    scene.done()


def test_a_hole_in_what_was_to_be_published(scene: Scene) -> None:
    """The outputs of a stored batch are gone: they are lost, exactly they, once somebody says so."""
    worked(scene)
    published = scene.checker.watched.published()
    victim = scene.start(FAULTS_STOP_AT="stored:1:KILL")
    scene.publish(40)
    victim.wait_ended()
    stored = scene.checker.watched.positions()
    holes = sorted(number for number in published if stored[number] > published[number])
    # Only theirs: in another position a transaction of the victim may still be open.
    names = [f"{scene.checker.watched.topic}/{number}" for number in holes]
    lost = database(scene).positions.update_many({"_id": {"$in": names}}, {"$unset": {"outbox": ""}})
    assert lost.modified_count == len(holes)
    worker = stopped(scene, errors.OutboxHole, len(holes))
    decision = [*(f"--partition={number}" for number in holes), "--to-database"]
    worker.stop()
    gives_up = f"the outputs of offsets {published[holes[0]]} to {stored[holes[0]] - 1} "
    with pytest.raises(AssertionError, match=f"partition {holes[0]} would lose {gives_up}"):
        scene.contracts("positions", "reset", *decision)
    decided(scene, worker, *decision, "--force")
    assert f"partition {holes[0]}: lost {gives_up}" in scene.told
    scene.wait()
    verdict = scene.checker.check()
    unpublished = sum(stored[number] - published[number] for number in holes)
    assert verdict.counts.pop("lost") >= unpublished
    assert verdict.ok, str(verdict)


def test_a_torn_backup(scene: Scene) -> None:
    """Contracts of one moment, positions of an earlier one: refused, and rebuilt into an empty database."""
    worked(scene)
    before = {each["_id"]: each for each in scene.checker.watched.state().positions}
    worked(scene)
    for position in before.values():
        database(scene).positions.replace_one({"_id": position["_id"]}, position)
    worker = stopped(scene, errors.TornDatabase, PARTITIONS, untouched=False)
    worker.stop()
    for line in scene.contracts("positions", "show", "--json").splitlines():
        row = json.loads(line)
        assert "backup is not consistent" in row["problem"]
        assert row["decision"] == "--rebuild"
    database(scene).client.drop_database(scene.checker.watched.database)
    decided(scene, worker, "--rebuild")
    scene.done()
