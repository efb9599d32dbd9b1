"""Reading all partitions of a topic, on both brokers."""

import asyncio
import time

from aiokafka.admin import NewPartitions

from consumer.kafka import leaders
from consumer.kafka.bounds import Bounds
from consumer.kafka.unreadable import Unreadable
from devstack.proof.message import Message
from devstack.proof.sending import Sender
from tests.contract.kafka.reading import DEADLINE, Scene, fetched, read, settled, some


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
