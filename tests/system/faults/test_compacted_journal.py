"""The broker compacts the journal while workers publish, are killed and take over."""

from collections.abc import Iterator, Mapping
from contextlib import closing

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from devstack.given import GivenMongo
from devstack.mongo import MongoServer
from schemas.topics import POSITIONS
from tests.system.faults.conftest import MakeScene
from tests.system.faults.deciding import finished
from tests.system.faults.events import seconds_to_new_events
from tests.system.faults.scene import Scene
from tests.system.faults.workers import until

pytestmark = pytest.mark.fault

AT_ONCE = {
    "segment.ms": "200",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "1",
    "delete.retention.ms": "0",
}
"""Only the segment that is written to is left as it is; removed keys are forgotten at once."""

COMPACTED_SECONDS = 120
"""The broker looks every 15 seconds for something to compact."""


@pytest.fixture
def scene(make_scene: MakeScene, mongo: MongoServer | GivenMongo) -> Scene:
    return make_scene(mongo, partitions=2)


def test_takeovers_from_a_compacted_journal(scene: Scene, admin: AdminClient) -> None:
    journal = scene.prefix + POSITIONS
    topic = ConfigResource(
        ResourceType.TOPIC,
        journal,
        incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in AT_ONCE.items()
        ],
    )
    finished(admin.incremental_alter_configs([topic]))
    worker = scene.start()
    with scene.flowing(100):
        left = compacted(scene, journal, dict.fromkeys(range(scene.partitions), 0))
        worker.kill()
        worker = scene.start()
        seconds_to_new_events(scene, range(scene.partitions))
        left = compacted(scene, journal, left)
        seconds_to_new_events(scene, range(scene.partitions))  # the progress that is left is not the last one
        worker.kill()
    # Takeovers that come to nothing leave claims. The last progress stays, however old it is.
    for _ in range(2):
        scene.start(FAULTS_STOP_AT="read-back:1:KILL").wait_ended(60)
    compacted(scene, journal, left)
    scene.start()
    scene.publish(200)
    scene.done()


def compacted(scene: Scene, journal: str, before: Mapping[int, int]) -> dict[int, int]:
    """Waits until the broker has removed more of each partition; the first offsets that are left."""

    def removed() -> dict[int, int] | None:
        found = dict(firsts(scene, journal))
        return found if all(first > before[number] for number, first in found.items()) else None

    left: dict[int, int] = until(removed, f"more is removed than before {before}", COMPACTED_SECONDS)
    return left


def firsts(scene: Scene, journal: str) -> Iterator[tuple[int, int]]:
    """The offset of the first record that is left in each partition of the journal; 0: there is none yet."""
    with closing(
        Consumer(
            {
                "bootstrap.servers": scene.checker.watched.bootstrap,
                "group.id": f"{scene.prefix}looking",
                "isolation.level": "read_committed",
                "log_level": 0,
            }
        )
    ) as consumer:
        for number in range(scene.partitions):
            consumer.assign([TopicPartition(journal, number, 0)])
            message = consumer.poll(10)
            assert message is None or message.error() is None, message.error()
            yield number, 0 if message is None else message.offset() or 0
