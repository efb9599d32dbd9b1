"""Kafka killed and restarted under load."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from consumer.pipeline.offsets import committed_offset
from devstack.kafka import ApacheKafka
from tests.faults.scene import Scene
from tests.servers import create_topic

pytestmark = pytest.mark.fault


@pytest.mark.timeout(240)
def test_the_broker_killed_and_restarted(scene: Scene, apache_kafka: ApacheKafka) -> None:
    scene.start()
    scene.start()
    scene.publish(2_000)
    apache_kafka.kill()
    apache_kafka.start()
    scene.publish(500)
    scene.done()


@pytest.mark.timeout(240)
def test_the_broker_stopped_in_order_and_restarted(scene: Scene, apache_kafka: ApacheKafka) -> None:
    worker = scene.start()
    scene.publish(1_000)
    apache_kafka.stop()
    apache_kafka.start()
    scene.publish(500)
    scene.done()
    worker.check()


@pytest.mark.timeout(240)
async def test_no_old_offset_is_read_after_the_broker_was_killed(
    apache_kafka: ApacheKafka, test_id: str
) -> None:
    """Asked without `require_stable`, a coordinator may tell none, or an earlier one, for a second or so."""
    create_topic(apache_kafka.bootstrap, test_id)
    partition = TopicPartition(test_id, 0)
    where = {"bootstrap_servers": apache_kafka.bootstrap}
    producer = AIOKafkaProducer(**where, transactional_id=test_id)
    await producer.start()
    for offset in range(10):
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({partition: OffsetAndMetadata(offset, "")}, test_id)
        await producer.commit_transaction()
    apache_kafka.kill()
    restart = asyncio.create_task(asyncio.to_thread(apache_kafka.start))
    read: list[int | None] = []
    while len(read) < 10:
        consumer = AIOKafkaConsumer(**where, group_id=test_id, enable_auto_commit=False)
        try:
            await consumer.start()
            consumer.assign([partition])
            read.append(await committed_offset(consumer, partition))
        except KafkaError:
            assert not read, "it had answered before"
        finally:
            await consumer.stop()
    await restart
    await producer.stop()
    assert read == [9] * 10
