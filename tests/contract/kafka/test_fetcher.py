"""Reading all partitions of a topic, on both brokers."""

import asyncio
import time
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete

from consumer.errors import (
    BrokerUnavailable,
    OutOfLog,
    PartitionMissing,
    RecordDamaged,
    TopicsMissing,
)
from consumer.kafka import fetcher as module
from consumer.kafka import leaders
from consumer.kafka.bounds import Bounds
from consumer.kafka.cluster import make_client
from consumer.kafka.fetcher import Fetcher
from consumer.kafka.unreadable import Unreadable
from consumer.settings import load_settings
from devstack.proof.message import Message
from devstack.proof.sending import Sender
from tests.servers import create_topic

WAIT_MS = 200
DEADLINE = 30


class Scene:
    """A topic of a few partitions, whoever writes there, and readers of it."""

    def __init__(self, kafka, topic, partitions=1):
        self.kafka = kafka
        self.settings = load_settings(kafka_bootstrap_servers=kafka.bootstrap)
        self.topic = create_topic(kafka.bootstrap, topic, partitions)
        self.readers = []

    async def close(self):
        for reader in self.readers:
            await reader.stop()

    async def reader(self, *, topic=None, max_bytes=1 << 20, committed=True):
        client = partial(make_client, self.settings)
        reader = Fetcher(client, topic or self.topic, max_bytes=max_bytes, committed=committed)
        self.readers.append(reader)
        await reader.start()
        return reader

    @asynccontextmanager
    async def producer(self, transactional_id=None):
        address = self.kafka.bootstrap
        async with AIOKafkaProducer(bootstrap_servers=address, transactional_id=transactional_id) as producer:
            yield producer

    async def send(self, *values, partition=0, headers=None):
        async with self.producer() as producer:
            for value in values:
                await producer.send_and_wait(self.topic, value, partition=partition, headers=headers or [])

    @asynccontextmanager
    async def admin(self):
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


async def fetched(reader, positions):
    """The first answer that brings something."""
    async with asyncio.timeout(DEADLINE):
        while not (found := await some(reader, positions)):
            pass
    return found


async def some(reader, positions):
    """An answer without the partitions in which nothing is."""
    found = await reader.fetch(positions, timeout_ms=WAIT_MS)
    return {n: one for n, one in found.items() if isinstance(one, Exception) or one.next > one.first}


async def read(reader, at=0, up_to=None, partition=0):
    """All values of one partition up to an offset."""
    values = []
    async with asyncio.timeout(DEADLINE):
        while at < up_to:
            one = (await fetched(reader, {partition: at}))[partition]
            if isinstance(one, Exception):
                raise one
            assert one.first == at
            values += [record.value for record in one.records]
            at = one.next
    return values


async def settled(reader):
    """The end of the log, once all transactions have their markers."""
    async with asyncio.timeout(DEADLINE):
        while True:
            _, stable, end = (await reader.bounds([0]))[0]
            if stable == end:
                return end


@pytest.fixture
async def scene(kafka, topic_prefix):
    made = Scene(kafka, f"{topic_prefix}read")
    yield made
    await made.close()


@pytest.fixture
async def wide(kafka, topic_prefix):
    made = Scene(kafka, f"{topic_prefix}wide", 4)
    yield made
    await made.close()


@pytest.fixture
async def real(apache_kafka, topic_prefix):
    made = Scene(apache_kafka, f"{topic_prefix}real")
    yield made
    await made.close()


async def test_records_have_all_that_was_sent(scene):
    reader = await scene.reader()
    async with scene.producer() as producer:
        headers = [("name", b"value"), ("none", None)]
        await producer.send_and_wait(scene.topic, b"v", key=b"k", timestamp_ms=17, headers=headers)
    one = (await fetched(reader, {0: 0}))[0]
    assert one._replace(records=()) == (0, (), 1, 1, 1)
    assert one.records == [(scene.topic, 0, 0, 17, b"k", b"v", tuple(headers))]


async def test_from_the_middle_of_a_batch(scene):
    reader = await scene.reader()
    async with scene.producer() as producer:
        await asyncio.gather(*[await producer.send(scene.topic, b"%d" % n) for n in range(10)])
    assert await read(reader, at=7, up_to=10) == [b"7", b"8", b"9"]


async def test_a_backlog_comes_evenly_from_all_partitions(apache_kafka, topic_prefix):
    """The other broker does not know limits: it sends all."""
    wide = Scene(apache_kafka, f"{topic_prefix}even", 4)
    large = [bytes([n]) * 20_000 for n in range(20)]
    for partition in range(4):
        await wide.send(*large, partition=partition)
    reader = await wide.reader(max_bytes=300_000)
    at, came = dict.fromkeys(range(4), 0), dict.fromkeys(range(4), 0)
    for _ in range(3):
        for number, one in (await fetched(reader, at)).items():
            at[number] = one.next
            came[number] += len(one.records)
    assert min(came.values()) > 0
    assert max(came.values()) - min(came.values()) <= 4
    await wide.close()


async def test_a_record_larger_than_a_partitions_share_is_read(wide):
    large = b"x" * 400_000
    for partition in range(4):
        await wide.send(large, large, partition=partition)
    reader = await wide.reader(max_bytes=100_000)
    at = dict.fromkeys(range(4), 0)
    async with asyncio.timeout(DEADLINE):
        while any(offset < 2 for offset in at.values()):
            for number, one in (await fetched(reader, at)).items():
                assert {record.value for record in one.records} == {large}
                at[number] = one.next


async def test_the_position_is_beyond_the_marker_of_a_transaction(scene):
    reader = await scene.reader()
    async with scene.producer(scene.topic) as producer, producer.transaction():
        await producer.send_and_wait(scene.topic, b"1")
    end = await settled(reader)
    assert end > 1
    assert await read(reader, up_to=end) == [b"1"]


async def test_what_was_aborted_is_passed_by(scene):
    reader, everything = await scene.reader(), await scene.reader(committed=False)
    async with scene.producer(scene.topic) as producer:
        for value in (b"1", b"2", b"3", b"4"):
            await producer.begin_transaction()
            await producer.send_and_wait(scene.topic, value)
            await (producer.abort_transaction() if value in b"24" else producer.commit_transaction())
    end = await settled(reader)
    assert await read(reader, up_to=end) == [b"1", b"3"]
    assert await read(everything, up_to=end) == [b"1", b"2", b"3", b"4"]


async def test_behind_an_open_transaction_nothing_is_read(real):
    reader, everything = await real.reader(), await real.reader(committed=False)
    await real.send(b"before")
    async with real.producer(real.topic) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(real.topic, b"open")
        await real.send(b"behind")
        one = (await fetched(reader, {0: 0}))[0]
        assert [record.value for record in one.records] == [b"before"]
        assert (one.next, one.stable, one.end) == (1, 1, 3)
        assert (await reader.bounds([0]))[0] == Bounds(0, 1, 3)
        assert await some(reader, {0: 1}) == {}
        assert await read(everything, up_to=3) == [b"before", b"open", b"behind"]
        await producer.commit_transaction()
    assert await read(reader, at=1, up_to=4) == [b"open", b"behind"]


async def test_an_unreadable_header_does_not_hide_its_neighbours(scene):
    messages = [
        Message(b"k", b"1", [("\N{SNOWMAN}", b"x")]),
        Message(b"k", b"2", [], via="unreadable"),
        Message(b"k", b"3", [("none", None)]),
    ]
    await asyncio.to_thread(Sender(scene.kafka.bootstrap, scene.topic, 1).send_raw, 0, messages)
    await scene.send(b"4")
    reader = await scene.reader()
    records = []
    while len(records) < 4:
        records += (await fetched(reader, {0: len(records)}))[0].records
    assert [record.value for record in records] == [b"1", None, b"3", b"4"]
    assert records[1] == Unreadable(scene.topic, 0, 1, records[1].timestamp)
    assert records[2][:3] == (scene.topic, 0, 2)
    assert [record.headers for record in (records[0], records[2])] == [
        (("\N{SNOWMAN}", b"x"),),
        (("none", None),),
    ]
    assert (await fetched(reader, {0: 1}))[0].records == records[1:]


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


async def test_a_partition_that_is_added_later_is_read(scene):
    reader = await scene.reader()
    async with scene.admin() as admin:
        await admin.create_partitions({scene.topic: NewPartitions(2)})
    await scene.send(b"1", partition=1)
    assert await read(reader, partition=1, up_to=1) == [b"1"]
    assert await reader.partitions() == 2


async def test_a_cancelled_fetch_loses_nothing(scene):
    reader = await scene.reader()
    waiting = asyncio.create_task(reader.fetch({0: 0}, timeout_ms=DEADLINE * 1000))
    await asyncio.sleep(0.1)
    await scene.send(b"1")
    waiting.cancel()
    await asyncio.wait({waiting})
    assert await read(reader, up_to=1) == [b"1"]


async def test_an_empty_topic_is_not_asked_all_the_time(scene, monkeypatch):
    reader, asked = await scene.reader(), []
    send = leaders.Leaders.send

    async def counted(self, node, request, what):
        asked.append(node)
        return await send(self, node, request, what)

    monkeypatch.setattr(leaders.Leaders, "send", counted)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        assert await some(reader, {0: 0}) == {}
    assert 0 < len(asked) <= 1 / 0.02 + 1


async def test_what_comes_while_a_fetch_waits_is_brought_at_once(real):
    reader = await real.reader()
    waiting = asyncio.create_task(reader.fetch({0: 0}, timeout_ms=DEADLINE * 1000))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await real.send(b"1")
    async with asyncio.timeout(5):
        assert (await waiting)[0].records[0].value == b"1"


async def test_started_twice_it_has_one_connection(scene):
    reader = await scene.reader()
    await reader.start()
    await scene.send(b"1")
    assert await read(reader, up_to=1) == [b"1"]


async def test_without_a_broker_it_does_not_start():
    settings = load_settings(kafka_bootstrap_servers="127.0.0.1:1")
    reader = Fetcher(partial(make_client, settings), "t", max_bytes=1)
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 does not answer"):
        await reader.start()
    await reader.stop()
