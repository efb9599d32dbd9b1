"""Strangers in the service's group, and tools that set its offsets: nothing is lost, nothing comes twice.

What is published stands in the journal. The group's offsets are only told to lag tools.
"""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.system.faults.conftest import MakeScene
from tests.system.faults.deciding import finished, members, unpublished, worked
from tests.system.faults.scene import Scene
from tests.system.faults.workers import until

pytestmark = pytest.mark.fault

PARTITIONS = 2

Act = Callable[[Scene, AdminClient], None]


@pytest.fixture
def scene(make_scene: MakeScene, mongo: Any) -> Scene:
    return make_scene(mongo, partitions=PARTITIONS, accounts=40)


def places(scene: Scene) -> list[TopicPartition]:
    return [TopicPartition(scene.checker.watched.topic, number) for number in range(PARTITIONS)]


def delete(scene: Scene, admin: AdminClient) -> None:
    """The offsets expired, or somebody deleted them."""
    finished(admin.delete_consumer_groups([scene.checker.watched.group]))


def reset(spec: OffsetSpec) -> Act:
    """As `kafka-consumer-groups --reset-offsets` does."""

    def resets(scene: Scene, admin: AdminClient) -> None:
        found = admin.list_offsets(dict.fromkeys(places(scene), spec))
        offsets = [TopicPartition(at.topic, at.partition, one.result(30).offset) for at, one in found.items()]
        wanted = ConsumerGroupTopicPartitions(scene.checker.watched.group, offsets)
        finished(admin.alter_consumer_group_offsets([wanted]))

    return resets


def consume(scene: Scene, admin: AdminClient) -> None:
    """A console consumer reads the commands to their end, in our group, and commits."""
    settings = {
        "bootstrap.servers": scene.checker.watched.bootstrap,
        "group.id": scene.checker.watched.group,
        "log_level": 0,
    }
    with closing(
        Consumer({**settings, "enable.partition.eof": True, "enable.auto.commit": False})
    ) as stranger:
        stranger.assign([TopicPartition(at.topic, at.partition, 0) for at in places(scene)])
        ended = 0
        while ended < PARTITIONS:
            message = stranger.poll(30)
            assert message is not None
            ended += message.error() is not None
        stranger.commit(asynchronous=False)


ACTS: dict[str, Act] = {
    "deleted": delete,
    "reset to the end": reset(OffsetSpec.latest()),
    "reset to the start": reset(OffsetSpec.earliest()),
    "read by a stranger": consume,
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_nobody_believes_the_group_s_offsets(scene: Scene, admin: AdminClient, act: Act) -> None:
    """With some commands that are not applied yet, and some that are stored and not published."""
    worked(scene)
    unpublished(scene)
    scene.publish(50)
    until(lambda: not members(admin, scene.checker.watched.group), "the killed worker has left the group")
    act(scene, admin)
    worker = scene.start()
    scene.done()
    assert not list(worker.lines("partition stopped"))


def test_before_anything_was_applied(scene: Scene, admin: AdminClient) -> None:
    """The commands of a service that has never run."""
    scene.publish(50)
    consume(scene, admin)
    worker = scene.start()
    scene.done()
    assert not list(worker.lines("partition stopped"))
