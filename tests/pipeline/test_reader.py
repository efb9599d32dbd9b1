"""Reading one partition, on both brokers."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import GroupAuthorizationFailedError, NodeNotReadyError

from consumer.bootstrap import make_consumer, make_feed
from consumer.errors import BrokerUnavailable, PositionBeforeLog, PositionBeyondLog
from consumer.pipeline.offsets import committed_offset
from consumer.pipeline.reader import PartitionReader, Revoked
from consumer.settings import load_settings

ENOUGH_MS = 10_000


class Scene:
    """A group of one member, a topic of one partition, and readers of it."""

    def __init__(self, settings, topic):
        self.settings = settings
        self.topic = topic
        self.readers = []

    async def __aenter__(self):
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.kafka_bootstrap_servers)
        await admin.start()
        await admin.create_topics([NewTopic(self.topic, 1, 1)])
        await admin.close()
        self.producer = AIOKafkaProducer(bootstrap_servers=self.settings.kafka_bootstrap_servers)
        await self.producer.start()
        self.group = make_consumer(self.settings)
        self.group.subscribe([self.topic])
        await self.group.start()
        return self

    async def __aexit__(self, *_):
        for reader in self.readers:
            await reader.close()
        await self.group.stop()
        await self.producer.stop()

    async def send(self, *values):
        for value in values:
            await self.producer.send_and_wait(self.topic, value)

    @asynccontextmanager
    async def transactional(self):
        address = self.settings.kafka_bootstrap_servers
        async with AIOKafkaProducer(bootstrap_servers=address, transactional_id=self.topic) as producer:
            yield producer

    async def cut(self, *, before):
        """Deletes the log below an offset."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.kafka_bootstrap_servers)
        await admin.start()
        await admin.delete_records({TopicPartition(self.topic, 0): RecordsToDelete(before)})
        await admin.close()

    async def reader(self, at=0):
        reader = PartitionReader(self.group, lambda: make_feed(self.settings), self.topic, 0)
        self.readers.append(reader)
        await reader.open()
        reader.seek(at)
        return reader


async def values(reader, max_records=1000, timeout_ms=ENOUGH_MS):
    fetched = await reader.fetch(max_records=max_records, timeout_ms=timeout_ms)
    return [record.value for record in fetched.records]


@pytest.fixture
async def scene(kafka, topic_prefix):
    settings = load_settings(kafka_bootstrap_servers=kafka.bootstrap, group_id=f"{topic_prefix}readers")
    async with Scene(settings, f"{topic_prefix}read") as made:
        yield made


async def test_a_fetch_finds_all_that_came_while_the_last_one_was_worked_on(scene):
    reader = await scene.reader()
    await scene.send(b"first")
    assert await values(reader) == [b"first"]
    later = [b"%d" % number for number in range(20)]
    await scene.send(*later)
    assert await values(reader) == later


async def test_what_is_known_to_wait_is_fetched_ahead(scene):
    reader = await scene.reader()
    await scene.send(b"1", b"2", b"3")
    assert await values(reader, max_records=2) == [b"1", b"2"]
    assert reader.end() == 3
    assert reader._feed.paused() == set()
    assert await values(reader) == [b"3"]
    assert reader._feed.paused() == {TopicPartition(scene.topic, 0)}


async def test_opened_again_it_reads_from_where_it_is_told_to(scene):
    reader = await scene.reader()
    await scene.send(b"1", b"2", b"3")
    assert await values(reader, max_records=1) == [b"1"]
    await reader.open()
    reader.seek(1)
    assert await values(reader) == [b"2", b"3"]


async def test_a_cancelled_fetch_loses_nothing(scene):
    reader = await scene.reader()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await reader.fetch(max_records=1, timeout_ms=ENOUGH_MS)
    await scene.send(b"1")
    assert await values(reader) == [b"1"]


async def test_a_position_beyond_the_log_is_told(scene):
    await scene.send(b"1", b"2")
    reader = await scene.reader(at=100)
    with pytest.raises(PositionBeyondLog):
        await values(reader)


async def test_a_position_before_the_log_is_told(apache_kafka, topic_prefix):
    settings = load_settings(kafka_bootstrap_servers=apache_kafka.bootstrap, group_id=f"{topic_prefix}cut")
    async with Scene(settings, f"{topic_prefix}cut") as scene:
        reader = await scene.reader()
        await scene.send(b"1", b"2")
        await scene.cut(before=1)
        with pytest.raises(PositionBeforeLog):
            await values(reader)


async def test_a_partition_that_was_taken_away_is_not_read(scene):
    reader = await scene.reader()
    scene.group.unsubscribe()
    with pytest.raises(Revoked):
        await values(reader)
    with pytest.raises(Revoked):
        reader.seek(0)


async def test_a_reader_whose_client_has_ended_is_opened_again(scene):
    reader = await scene.reader()
    await scene.send(b"1")
    task = reader._feed._fetcher._fetch_task
    task.cancel()
    await asyncio.wait({task})
    with pytest.raises(BrokerUnavailable, match="has ended"):
        await values(reader)
    await reader.open()
    reader.seek(0)
    assert await values(reader) == [b"1"]


async def test_the_committed_offset_is_that_of_the_group(scene):
    reader = await scene.reader()
    assert await reader.committed() is None
    await scene.group.commit({TopicPartition(scene.topic, 0): 7})
    assert await reader.committed() == 7


async def test_a_committed_offset_is_told_only_when_no_transaction_is_open(apache_kafka, topic_prefix):
    settings = load_settings(kafka_bootstrap_servers=apache_kafka.bootstrap, group_id=f"{topic_prefix}open")
    async with Scene(settings, f"{topic_prefix}open") as scene, scene.transactional() as producer:
        reader, place = await scene.reader(), TopicPartition(scene.topic, 0)
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({place: 5}, settings.group_id)
        asked = asyncio.create_task(reader.committed())
        await asyncio.wait({asked}, timeout=0.5)
        assert not asked.done()
        await producer.commit_transaction()
        assert await asked == 5


async def test_no_right_to_ask_for_the_committed_offset():
    coordinator = Coordinator(answers=[(30, [])])
    with pytest.raises(GroupAuthorizationFailedError):
        await committed_offset(SimpleNamespace(_coordinator=coordinator), TopicPartition("t", 0))


async def test_a_coordinator_that_cannot_say_is_asked_again():
    told = [("t", [(0, 5, -1, "", 0, {})], {})]
    loading = [("t", [(0, -1, -1, "", 14, {})], {})]
    coordinator = Coordinator(answers=[(16, []), (0, loading), NodeNotReadyError(), (0, told)])
    assert await committed_offset(SimpleNamespace(_coordinator=coordinator), TopicPartition("t", 0)) == 5
    assert coordinator.dead == 1


class Coordinator:
    """Of aiokafka's, what a question for an offset uses."""

    group_id = "g"

    def __init__(self, answers):
        self.answers = answers
        self.dead = 0

    async def ensure_coordinator_known(self): ...

    async def _send_req(self, request):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        code, topics = answer
        return SimpleNamespace(error_code=code, topics=topics)

    def coordinator_dead(self):
        self.dead += 1


class Member:
    """Of the group's consumer, what a reader asks before it is connected."""

    def seek(self, place, offset): ...

    def pause(self, place): ...

    def assignment(self):
        return {TopicPartition("commands", 0)}


async def test_without_a_broker_it_says_so():
    settings = load_settings(kafka_bootstrap_servers="127.0.0.1:1")
    reader = PartitionReader(Member(), lambda: make_feed(settings), "commands", 0)
    with pytest.raises(BrokerUnavailable, match="commands/0"):
        await reader.open()


async def test_a_connection_that_lost_its_broker_is_let_go_of(apache_kafka, topic_prefix):
    """aiokafka cancels a fetch that waits to be tried again, and hands the cancellation on."""
    settings = load_settings(kafka_bootstrap_servers=apache_kafka.bootstrap, group_id=f"{topic_prefix}lost")
    async with Scene(settings, f"{topic_prefix}lost") as scene:
        reader = await scene.reader()
        assert await values(reader, timeout_ms=100) == []
        client = reader._feed._client
        apache_kafka.kill()
        async with asyncio.timeout(30):
            while any(each.connected() for each in client._conns.values()):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        await reader.close()
        assert asyncio.current_task().cancelling() == 0
        apache_kafka.start()
        await reader.open()
        reader.seek(0)
        await scene.send(b"1")
        assert await values(reader) == [b"1"]
