"""A decision falls while a batch is stored and not published: its outputs come out, or are given up in words.

In each test a worker is killed between the two transactions, and what then happens to the log, the journal
or the database makes the next one stop before it can publish.
"""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from consumer import errors
from devstack.proof.checker import OUTPUTS
from devstack.proof.load import Load
from schemas.topics import POSITIONS
from tests.system.faults.conftest import MakeScene
from tests.system.faults.deciding import (
    all_stored,
    created_times,
    database,
    decided,
    finished,
    members,
    records_of,
    remake,
    send_again,
    stopped,
    worked,
)
from tests.system.faults.scene import Scene
from tests.system.faults.workers import until

pytestmark = pytest.mark.fault

PUBLISHED = "partition 0: published outputs that were stored and not published yet: "


@pytest.fixture
def scene(make_scene: MakeScene, mongo: Any) -> Scene:
    """With a batch that is stored and not published."""
    made = make_scene(mongo, partitions=1, accounts=40)
    # Without forwards: where another log begins, the checker forgets which it waits for.
    made.load = Load(1, accounts=40, rubbish=0, misplaced=0)
    worked(made)
    all_stored(made)
    return made


def test_the_log_was_cut_off_above_it(scene: Scene, admin: AdminClient) -> None:
    scene.publish(20)
    cut = scene.checker.watched.ends[0] + 5
    finished(admin.delete_records([TopicPartition(scene.checker.watched.topic, 0, cut)]))
    worker = stopped(scene, errors.PositionBeforeLog, 1)
    scene.checker.watched.skip_to({0: cut})
    decided(scene, worker, "--to-log-start")
    assert PUBLISHED in scene.told
    scene.done()


def test_the_log_lost_its_tail(scene: Scene, admin: AdminClient) -> None:
    kept = [one for one in records_of(scene) if one.offset < scene.checker.watched.published()[0] - 10]
    remake(scene, admin, scene.checker.watched.topic)
    with created_times(admin, scene.checker.watched.topic):
        send_again(scene, kept)
    worker = stopped(scene, errors.PositionBeyondLog, 1)
    scene.checker.recreated()
    scene.checker.watched.skip_to({0: max(one.offset for one in kept) + 1})
    decided(scene, worker, "--to-log-end")
    assert PUBLISHED in scene.told
    scene.publish(60)
    scene.done()


def test_the_topic_was_made_anew(scene: Scene, admin: AdminClient) -> None:
    remake(scene, admin, scene.checker.watched.topic)
    scene.publish(60)
    worker = stopped(scene, errors.TopicRecreated, 1)
    scene.checker.recreated()
    decided(scene, worker, "--new-generation")
    assert PUBLISHED in scene.told
    scene.done()


def test_partitions_were_added(scene: Scene, admin: AdminClient) -> None:
    topics = [scene.checker.watched.topic, *(scene.prefix + topic for topic in (*OUTPUTS, POSITIONS))]
    finished(admin.create_partitions([NewPartitions(topic, 2) for topic in topics]))
    scene.checker.repartitioned(2)
    scene.publish(60)
    worker = stopped(scene, errors.PartitionCountChanged, 2)
    decided(scene, worker, "--accept-partition-count")
    scene.done()


def test_another_cluster(scene: Scene) -> None:
    database(scene).positions.update_many({}, {"$set": {"cluster": "the-one-before"}})
    worker = stopped(scene, errors.ClusterChanged, 1)
    decided(scene, worker, "--accept-cluster")
    scene.done()


def test_another_group(scene: Scene) -> None:
    scene.rename_group("renamed")
    worker = stopped(scene, errors.GroupChanged, 1)
    decided(scene, worker, "--accept-group")
    scene.done()


def test_the_database_is_lost(scene: Scene) -> None:
    """What was not published yet is published as it is applied again."""
    database(scene).client.drop_database(scene.checker.watched.database)
    worker = stopped(scene, errors.PositionMissing, 1)
    decided(scene, worker, "--rebuild")
    scene.done()


def test_a_decision_that_is_forced(scene: Scene, admin: AdminClient) -> None:
    """Where nothing is wrong: what an operator does not think of is not lost either, nor published twice."""
    until(
        lambda: members(admin, scene.checker.watched.group) == 0,
        "the group has forgotten the killed worker",
    )
    forced = "positions", "reset", "--partition=0", "--to-database", "--force"
    scene.contracts(*forced)
    assert PUBLISHED in scene.told
    scene.contracts(*forced)
    assert PUBLISHED not in scene.told
    scene.start()
    scene.done()


def _journal_made_anew(scene: Scene, admin: AdminClient) -> None:
    remake(scene, admin, scene.prefix + POSITIONS)
    scene.checker.watched.journal_made_anew()


def _group_renamed_too(scene: Scene, admin: AdminClient) -> None:
    _journal_made_anew(scene, admin)
    scene.rename_group("renamed")


@pytest.mark.parametrize(
    ("happened", "error"),
    [(_journal_made_anew, errors.JournalMissing), (_group_renamed_too, errors.GroupChanged)],
    ids=["journal", "journal and group"],
)
def test_nobody_can_tell_what_is_published(
    scene: Scene,
    admin: AdminClient,
    happened: Callable[[Scene, AdminClient], None],
    error: type[errors.PositionError],
) -> None:
    """It counts as published, as the decision says; its offsets are told."""
    published, stored = scene.checker.watched.published()[0], scene.checker.watched.positions()[0]
    happened(scene, admin)
    worker = stopped(scene, error, 1)
    decided(scene, worker, error.decision)
    assert "partition 0: counted as published, although it is not known: " in scene.told
    assert f"to {stored - 1}\n" in scene.told
    scene.wait()
    verdict = scene.checker.check()
    assert verdict.counts.pop("lost") >= stored - published
    assert verdict.ok, str(verdict)
