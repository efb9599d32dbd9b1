"""An output that the topic does not take: no offset passes without it, and the partition waits for it."""

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from devstack.kafka import ApacheKafka
from tests.faults.scene import Scene
from tests.faults.workers import sleep_as_fault

pytestmark = pytest.mark.fault

LARGEST = "max.message.bytes"


def limit(kafka: ApacheKafka, topic: str, bytes_: int) -> None:
    """Sets the topic's limit, as an operator might while the service runs; at a start it is checked."""
    entry = ConfigEntry(LARGEST, str(bytes_), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(30)


@pytest.mark.parametrize("topic", ["contracts.command-results", "contracts.changed"])
def test_an_output_above_the_topic_s_limit(scene: Scene, apache_kafka: ApacheKafka, topic: str) -> None:
    worker = scene.start()
    scene.publish(200)
    scene.wait()
    limit(apache_kafka, scene.prefix + topic, 1_000)
    scene.publish(200)
    sleep_as_fault(2)
    limit(apache_kafka, scene.prefix + topic, 1_048_588)
    scene.done()
    assert len(list(worker.lines("resuming", reason="PublishInDoubt"))) >= scene.partitions
    assert not list(worker.lines("partition stopped"))
