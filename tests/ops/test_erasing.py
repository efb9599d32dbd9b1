"""The runbook on personal data, step by step: what is left of it where, and how that goes."""

from typing import Any

import bson
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from consumer import clients
from consumer.operator.choices import Decision
from consumer.settings import Settings
from devstack.kafka import ApacheKafka
from producers.commands import AwaitedCommands
from producers.connect import make_command_producer
from producers.results import CommandResult
from schemas.topics import COMMANDS
from tests.ops.test_decisions import decide
from tests.running import running, settings_for, until

ANN = "Ann Ash"
STATE = ("contracts", "former_contracts", "history")


async def a_life(commands: AwaitedCommands) -> CommandResult:
    """With a name in a contract, in a former one, in events and in the history; erased at the end."""
    contact = {"name": ANN, "email": "ann@example.com"}
    await commands.create("umbra", contract_type="basic", notes="stays")
    await commands.create("acme", contract_type="basic", primary_contact=contact, requested_by=ANN)
    await commands.cancel("acme", reason=f"{ANN} moved")
    await commands.create("acme", contract_type="enterprise", notes=ANN)
    await commands.update("acme", changes={"notes": f"{ANN} called", "metadata": {"who": ANN}})
    return await commands.erase("acme", requested_by="privacy-desk")


async def stored(settings: Settings, *names: str) -> dict[str, bytes]:
    """The documents of these collections."""
    client = clients.open_mongo(settings)
    try:
        database = client[settings.mongo_database]
        return {
            name: b"".join([bson.encode(each) async for each in database[name].find().sort("_id")])
            for name in names
        }
    finally:
        client.close()


def holding(collections: dict[str, bytes]) -> list[str]:
    return [name for name, content in collections.items() if ANN.encode() in content]


async def test_nothing_is_left_in_the_database_and_a_rebuild_gives_the_same_bytes(
    kafka: Any, mongo: Any, database: str
) -> None:
    settings = settings_for(
        kafka, mongo, database, topic_partitions=1, result_timeout_seconds=60, compression="none"
    )
    async with running(settings), make_command_producer(settings, source="/crm") as commands:
        await a_life(commands.awaiting())
        assert holding(await stored(settings, *STATE, "positions")) == ["positions"]
        for _ in range(2):
            await commands.awaiting().erase("acme")
        assert holding(await stored(settings, *STATE, "positions")) == []
    before = await stored(settings, *STATE)
    assert b"privacy-desk" in before["history"]
    client = clients.open_mongo(settings)
    await client.drop_database(settings.mongo_database)
    await decide(settings, Decision.REBUILD)
    async with running(settings) as service:
        await until(lambda: caught_up(service.database, entries=8))
    client.close()
    assert await stored(settings, *STATE) == before


async def caught_up(database: Any, entries: int) -> bool:
    return await database.history.count_documents({}) == entries


async def test_the_log_before_an_erasure_can_be_deleted_while_the_service_runs(
    apache_kafka: ApacheKafka, mongo: Any, database: str
) -> None:
    settings = settings_for(apache_kafka, mongo, database, topic_partitions=1, result_timeout_seconds=60)
    topic = settings.topic_prefix + COMMANDS
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    async with running(settings) as service, make_command_producer(settings, source="/crm") as commands:
        await a_life(commands.awaiting())
        erase = await service.database.history.find_one({"type": "erase"})
        assert ANN.encode() in log_of(settings, topic)
        up_to = TopicPartition(topic, 0, erase["offset"])
        for done in admin.delete_records([up_to]).values():
            assert done.result().low_watermark == erase["offset"]
        assert ANN.encode() not in log_of(settings, topic)
        await commands.awaiting().update("acme", changes={"tags": ["still here"]})
    async with running(settings), make_command_producer(settings, source="/crm") as commands:
        result = await commands.awaiting().update("acme", changes={"tags": ["started again"]})
    assert (result.outcome, result.version) == ("applied", 5)


def log_of(settings: Settings, topic: str) -> bytes:
    """All records of the topic that can be read."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": "reader",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    low, _ = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
    consumer.assign([TopicPartition(topic, 0, low)])
    values = b""
    while message := consumer.poll(30):
        if message.error():
            break
        values += message.value() or b""
    consumer.close()
    return values
