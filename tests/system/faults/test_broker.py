"""Kafka killed and restarted under load."""

import pytest

from devstack.kafka import ApacheKafka
from tests.system.faults.scene import Scene

pytestmark = pytest.mark.fault


def test_the_broker_killed_and_restarted(scene: Scene, apache_kafka: ApacheKafka) -> None:
    scene.start()
    scene.start()
    scene.publish(2_000)
    apache_kafka.kill()
    apache_kafka.start()
    scene.publish(500)
    scene.done()


def test_the_broker_stopped_in_order_and_restarted(scene: Scene, apache_kafka: ApacheKafka) -> None:
    worker = scene.start()
    scene.publish(1_000)
    apache_kafka.stop()
    apache_kafka.start()
    scene.publish(500)
    scene.done()
    worker.check()
