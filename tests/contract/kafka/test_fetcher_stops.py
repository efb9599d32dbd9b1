"""What a reader tells of logs and brokers that are not as they should be, on both brokers."""

import asyncio
import time
from functools import partial

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from consumer.errors import (
    BrokerUnavailable,
    OutOfLog,
    PartitionMissing,
    RecordDamaged,
    TopicsMissing,
)
from consumer.kafka import whereabouts as module
from consumer.kafka.bounds import Bounds
from consumer.kafka.cluster import make_client
from consumer.kafka.fetcher import Fetcher
from consumer.settings import load_settings
from tests.contract.kafka.reading import DEADLINE, WAIT_MS, Scene, fetched, read, some
from tests.servers import create_topic


async def test_a_position_beyond_the_log_is_told(scene):
    """Without advice: only a takeover looks at everything that an advice is right or wrong by."""
    await scene.send(b"1", b"2")
    reader = await scene.reader()
    error = (await fetched(reader, {0: 100}))[0]
    assert isinstance(error, OutOfLog)
    assert "holds offsets 0 to 2, and not 100 any more" in str(error)


async def test_a_position_before_the_log_is_told_and_others_are_read(apache_kafka, topic_prefix):
    scene = Scene(apache_kafka, f"{topic_prefix}cut", 2)
    await scene.send(b"1", b"2")
    await scene.send(b"1", partition=1)
    async with scene.admin() as admin:
        await admin.delete_records({TopicPartition(scene.topic, 0): RecordsToDelete(1)})
    reader = await scene.reader()
    found = await fetched(reader, {0: 0, 1: 0})
    assert isinstance(found[0], OutOfLog)
    assert found[1].next == 1
    assert (await reader.bounds([0, 1])) == {0: Bounds(1, 2, 2), 1: Bounds(0, 1, 1)}
    await scene.close()


async def test_what_is_sound_before_damaged_records_is_read(real):
    await real.send(b"1", b"sound", b"damaged")
    (segment,) = real.kafka.data.glob(f"{real.topic}-0/*.log")
    with segment.open("r+b") as log:
        log.seek(segment.read_bytes().index(b"damaged"))
        log.write(b"D")
    reader = await real.reader()
    assert await read(reader, up_to=2) == [b"1", b"sound"]
    error = (await fetched(reader, {0: 2}))[0]
    assert isinstance(error, RecordDamaged)
    assert (error.topic, error.partition, error.offset) == (real.topic, 0, 2)


async def test_a_restarted_leader_is_asked_again(real):
    await real.send(b"1")
    reader = await real.reader()
    assert await read(reader, up_to=1) == [b"1"]
    real.kafka.kill()
    with pytest.raises(BrokerUnavailable):
        await fetched(reader, {0: 1})
    real.kafka.start()
    await real.send(b"2")
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                assert await read(reader, at=1, up_to=2) == [b"2"]
                break
            except BrokerUnavailable:
                await reader.start()


async def test_without_a_broker_it_stops_at_once(real):
    reader = await real.reader()
    assert await some(reader, {0: 0}) == {}
    under_way = asyncio.create_task(reader.fetch({0: 0}, timeout_ms=DEADLINE * 1000))
    real.kafka.pause()
    await asyncio.sleep(0)
    async with asyncio.timeout(DEADLINE / 2):
        await reader.stop()
    assert await under_way == {}
    with pytest.raises(BrokerUnavailable, match="has ended"):
        await reader.fetch({0: 0}, timeout_ms=WAIT_MS)


async def test_a_topic_that_was_made_anew_is_not_read_on(real):
    """Its records are others, at the same offsets."""
    await real.send(b"1", b"2", b"3")
    reader = await real.reader()
    assert await read(reader, up_to=3) == [b"1", b"2", b"3"]
    under_way = asyncio.create_task(reader.fetch({0: 3}, timeout_ms=DEADLINE * 1000))
    async with real.admin() as admin:
        await asyncio.sleep(WAIT_MS / 1000)
        await admin.delete_topics([real.topic])
        async with asyncio.timeout(DEADLINE):
            while real.topic in await admin.list_topics():  # noqa: ASYNC110 - a broker gives no signal
                await asyncio.sleep(0.05)
    create_topic(real.kafka.bootstrap, real.topic)
    await real.send(*(b"new %d" % number for number in range(5)))
    found = await under_way or await fetched(reader, {0: 3})
    assert isinstance(found[0], OutOfLog)
    assert await read(reader, at=3, up_to=5) == [b"new 3", b"new 4"]


async def test_a_deleted_topic_is_told(scene, monkeypatch):
    monkeypatch.setattr(module, "MISSING_SECONDS", 0.5)
    reader = await scene.reader()
    assert await reader.partitions() == 1
    async with scene.admin() as admin:
        await admin.delete_topics([scene.topic])
    began = time.monotonic()
    error = (await fetched(reader, {0: 0}))[0]
    assert isinstance(error, PartitionMissing)
    assert time.monotonic() - began > 0.5
    with pytest.raises(TopicsMissing):
        await reader.partitions()
    with pytest.raises(PartitionMissing):
        await reader.bounds([0])


async def test_without_a_broker_it_does_not_start():
    settings = load_settings(kafka_bootstrap_servers="127.0.0.1:1")
    reader = Fetcher(partial(make_client, settings), "t", max_bytes=1)
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 does not answer"):
        await reader.start()
    await reader.stop()
