"""Waiting for results that somebody else publishes: which one is taken, and which are not."""

import asyncio
import json

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from consumer.errors import BrokerUnavailable, ResultTimeout, TopicsMissing
from consumer.kafka import sender
from consumer.kafka.topics import ensure
from consumer.settings import Settings
from devstack.kafka import KafkaServer
from producers.connect import make_command_producer
from producers.messages import CommandMessage, unchecked_message
from producers.results import CommandKey
from schemas.partitioning import murmur2_home
from schemas.topics import COMMAND_RESULTS, COMMANDS
from tests.running import settings_for, until
from tests.servers import create_topic

COMMAND = unchecked_message("create", "acme", b"{}", source="/crm", command_id="c-7")
HOME = murmur2_home(b"acme", 4)


@pytest.fixture
async def settings(kafka, topic_prefix: str) -> Settings:
    settings = settings_for(kafka, None, topic_prefix.removesuffix("."), topic_partitions=4)
    await ensure(settings)
    return settings


def tell(settings: Settings, *results: tuple[str, str, str], partition: int = HOME) -> None:
    """Publish results as the service would, with a client that is not ours."""
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    topic = settings.topic_prefix + COMMAND_RESULTS
    for outcome, source, name in results:
        command = {"id": name, "source": source, "type": "x"}
        data = {"command": command, "outcome": outcome, "processed_at": "2026-01-01T00:00:00Z"}
        headers = [("ce_causationid", name.encode())]
        producer.produce(topic, json.dumps(data), key=b"acme", partition=partition, headers=headers)
    producer.flush(30)


def key(message: CommandMessage) -> CommandKey:
    return CommandKey(message.account_id, message.source, message.command_id)


async def test_the_result_of_this_very_command_is_taken(settings: Settings) -> None:
    tell(settings, ("before", "/crm", "c-7"))
    async with make_command_producer(settings) as producer:
        waiter = await producer._listener.expect(key(COMMAND), HOME)
        tell(settings, ("other id", "/crm", "c-77"), ("other source", "/erp", "c-7"))
        tell(settings, ("applied", "/crm", "c-7"), ("later", "/crm", "c-7"))
        assert (await waiter.result).outcome == "applied"


async def test_results_lie_where_fewer_partitions_have_them(kafka, topic_prefix: str) -> None:
    settings = settings_for(kafka, None, topic_prefix.removesuffix("."), topic_partitions=4)
    await ensure(settings, output_partitions=2)
    async with make_command_producer(settings) as producer:
        waiter = await producer._listener.expect(key(COMMAND), 3)
        tell(settings, ("applied", "/crm", "c-7"), partition=1)
        assert (await waiter.result).outcome == "applied"


async def test_a_stop_ends_the_waiting(settings: Settings) -> None:
    """Not after the half minute that a result may take: a service that stops must not hang."""
    async with make_command_producer(settings) as producer:
        waiting = await producer.awaiting(timeout=200).submit(COMMAND)
    with pytest.raises(ResultTimeout, match="the result of command c-7 is not waited for any more"):
        await asyncio.wait_for(waiting, 10)


async def test_who_is_cancelled_while_waiting_leaves_nothing_behind(settings: Settings) -> None:
    async with make_command_producer(settings) as producer:
        patient, impatient = (
            asyncio.create_task(producer.awaiting(timeout=200).result(COMMAND)) for _ in range(2)
        )
        waiting = producer._listener._waiters._by_id

        async def both_wait() -> bool:
            return len(waiting.get(b"c-7", ())) == 2

        await until(both_wait)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        assert len(waiting[b"c-7"]) == 1
        tell(settings, ("applied", "/crm", "c-7"))
        assert (await patient).outcome == "applied"
        assert waiting == {}


async def test_without_a_broker_a_stop_ends_all_there_is(
    settings: Settings, kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "STOP_SECONDS", 1.0)
    before = asyncio.all_tasks()
    producer = make_command_producer(settings)
    await producer.start()
    await producer.sent(COMMAND)  # it knows the topic
    kafka.pause()
    sending = await producer.send(COMMAND)
    await producer.stop()
    with pytest.raises(BrokerUnavailable, match="c-7 was not stored"):
        await asyncio.wait_for(sending, 10)
    assert asyncio.all_tasks() == before


async def test_topics_that_are_not_there_are_told_and_not_created(
    settings: Settings, kafka: KafkaServer
) -> None:
    """A broker that makes topics on demand would make this one with settings that lose commands."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    elsewhere = settings.model_copy(update={"topic_prefix": f"{settings.topic_prefix}typo."})
    with pytest.raises(TopicsMissing, match=r"missing topics: .*typo.contracts.commands"):
        await make_command_producer(elsewhere).start()
    create_topic(kafka.bootstrap, elsewhere.topic_prefix + COMMANDS)
    async with make_command_producer(elsewhere) as producer:
        with pytest.raises(TopicsMissing, match=r"missing topics: .*typo.contracts.command-results"):
            await producer.awaiting().result(COMMAND)
    there = {name for name in admin.list_topics(timeout=10).topics if "typo" in name}
    assert there == {elsewhere.topic_prefix + COMMANDS}


async def test_an_old_result_is_none(settings: Settings) -> None:
    tell(settings, ("before", "/crm", "c-7"))
    async with make_command_producer(settings) as producer:
        with pytest.raises(ResultTimeout, match=r"no result of command c-7 within 0.5 s"):
            await producer.awaiting(timeout=0.5).result(COMMAND)
