"""The steps of the runbooks on the real Kafka: stopped, decided, going on, and every event once."""

from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from consumer import clients
from consumer.kafka import topics
from consumer.operator.choices import Decision
from consumer.settings import Settings
from producers.connect import make_command_producer
from schemas.topics import CHANGED, COMMANDS, TOPICS
from tests.ops.test_fed_metrics import total, until
from tests.running import positions, running, settings_for

ACCOUNTS = 12


@pytest.fixture
def settings(apache_kafka: Any, mongo: Any, database: str) -> Settings:
    return settings_for(apache_kafka, mongo, database)


async def work(settings: Settings, name: str) -> None:
    """A run of the service in which every partition gets commands, and all are applied."""
    async with running(settings) as service, make_command_producer(settings) as commands:
        for number in range(ACCOUNTS):
            result = await commands.awaiting().create(f"{name}-{number}", contract_type="basic")
            assert result.outcome == "applied"
        assert total(service.metrics, "partition_stopped") == 0


async def stopped(settings: Settings, word: str) -> None:
    """Every partition that had work says which decision it waits for."""
    async with positions(settings) as admin:
        decisions = [row.decision for row in await admin.show() if row.problem]
    assert set(decisions) == {word}


async def decide(settings: Settings, decision: Decision) -> None:
    async with positions(settings) as admin:
        assert [row.problem for row in await admin.reset(decision) if row.problem] == []


async def contracts(settings: Settings) -> dict[str, int]:
    client = clients.open_mongo(settings)
    try:
        found = await client[settings.mongo_database].contracts.find().to_list(None)
        return {document["account_id"]: document["version"] for document in found}
    finally:
        client.close()


def events(settings: Settings) -> int:
    """Committed records of the topic of changes."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": "count",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    topic = settings.topic_prefix + CHANGED
    numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
    count, open_partitions = 0, len(numbers)
    while open_partitions:
        message = consumer.poll(30)
        assert message is not None
        if message.error():
            open_partitions -= 1
        else:
            count += 1
    consumer.close()
    return count


async def test_a_lost_database_is_rebuilt_and_nothing_published_again(settings: Settings) -> None:
    await work(settings, "before")
    before = await contracts(settings)
    client = clients.open_mongo(settings)
    await client.drop_database(settings.mongo_database)
    await stopped(settings, "--rebuild")
    await decide(settings, Decision.REBUILD)
    async with running(settings) as service:
        await until(lambda: total(service.metrics, "stored") == ACCOUNTS)
    client.close()
    assert await contracts(settings) == before
    assert events(settings) == ACCOUNTS


async def test_more_partitions(settings: Settings) -> None:
    await work(settings, "before")
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    wanted = [NewPartitions(settings.topic_prefix + name, 6) for name in TOPICS]
    for done in admin.create_partitions(wanted).values():
        done.result()
    more = settings.model_copy(update={"topic_partitions": 6})
    await stopped(more, "--accept-partition-count")
    await decide(more, Decision.ACCEPT_PARTITION_COUNT)
    await work(more, "after")
    assert len(await contracts(more)) == events(more) == 2 * ACCOUNTS


async def test_a_topic_created_anew(settings: Settings) -> None:
    await work(settings, "before")
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    topic = settings.topic_prefix + COMMANDS
    for done in admin.delete_topics([topic]).values():
        done.result()
    await until(lambda: topic not in admin.list_topics(timeout=5).topics)
    await topics.ensure(settings)
    async with positions(settings) as found:
        assert any(row.problem for row in await found.show())
    await decide(settings, Decision.NEW_GENERATION)
    await work(settings, "after")
    assert len(await contracts(settings)) == events(settings) == 2 * ACCOUNTS


async def test_another_group(settings: Settings) -> None:
    await work(settings, "before")
    other = settings.model_copy(update={"group_id": f"{settings.group_id}-other"})
    await stopped(other, "--accept-group")
    await decide(other, Decision.ACCEPT_GROUP)
    await work(other, "after")
    assert len(await contracts(other)) == events(other) == 2 * ACCOUNTS


async def test_lost_offsets_are_no_matter(settings: Settings) -> None:
    await work(settings, "before")
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    for done in admin.delete_consumer_groups([settings.group_id]).values():
        done.result()
    await work(settings, "after")
    assert len(await contracts(settings)) == events(settings) == 2 * ACCOUNTS
