"""`contracts doctor` on real servers: what is in order, and each thing that is not."""

from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions
from pydantic import SecretStr

from consumer import clients
from consumer.cli.output import to_json
from consumer.kafka import topics
from consumer.operator.doctor import Doctor, examine
from consumer.operator.findings import Finding, State
from consumer.settings import Settings
from consumer.storage import indexes
from devstack.kafka import ApacheKafka
from schemas.topics import COMMANDS, POSITIONS
from tests.running import settings_for, until
from tests.servers import create_topic
from tests.system.operator.conftest import Scene

KAFKA_CHECKS = ("kafka rights", "kafka transactions", "topics", "partitions")
MONGODB_CHECKS = (
    *("mongodb rights", "mongodb transactions", "indexes", "templates"),
    *("mongodb clock", "kafka clock"),
)


async def looked(settings: Settings, seconds: float = 20) -> dict[str, Finding]:
    async with Doctor(settings) as doctor:
        return {found.check: found async for found in examine(doctor.checks(), seconds=seconds)}


def of_state(found: dict[str, Finding], state: State) -> set[str]:
    return {name for name, finding in found.items() if finding.state is state}


async def contents(settings: Settings) -> str:
    """All that the database holds."""
    async with clients.opened_mongo(settings) as client:
        database = client[settings.mongo_database]
        names = sorted(await database.list_collection_names())
        return to_json({name: await database[name].find().sort("_id").to_list(None) for name in names})


async def prepared(settings: Settings) -> None:
    await topics.ensure(settings)
    async with clients.opened_mongo(settings) as client:
        await indexes.ensure(client[settings.mongo_database])


@pytest.fixture
async def settings(apache_kafka: ApacheKafka, mongo: Any, database: str) -> Settings:
    """Topics and indexes are there, the service never ran."""
    made = settings_for(apache_kafka, mongo, database, kafka_request_timeout_ms=5_000, mongo_timeout_ms=5_000)
    await prepared(made)
    return made


async def test_beside_a_service_at_work_nothing_fails_and_nothing_changes(scene: Scene) -> None:
    before = await contents(scene.settings)
    found = await looked(scene.settings)
    assert of_state(found, State.FAILED) | of_state(found, State.NOT_CHECKED) == set()
    assert found["partitions"].found.startswith("3 partitions, none stopped")
    assert await contents(scene.settings) == before
    assert await scene.commands.awaiting().update("acme", changes={"notes": "on"})


async def test_on_apache_kafka_all_is_told(settings: Settings) -> None:
    found = await looked(settings)
    assert of_state(found, State.OK) == set(found) - {"kafka clock"}
    assert found["kafka clock"].state is State.NOT_CHECKED
    assert "Kafka 4.0 or later" in found["kafka connection"].found


async def test_missing_topics(apache_kafka: ApacheKafka, mongo: Any, database: str) -> None:
    settings = settings_for(apache_kafka, mongo, database)
    name = settings.topic_prefix + COMMANDS
    create_topic(apache_kafka.bootstrap, name, 3, **{"message.timestamp.type": "LogAppendTime"})
    found = await looked(settings)
    assert found["topics"].state is State.FAILED
    assert settings.topic_prefix + POSITIONS in found["topics"].found
    assert name not in found["topics"].found
    assert (found["indexes"].state, found["indexes"].found) == (
        State.WARNING,
        "the database has no collections",
    )
    assert found["partitions"].state is State.NOT_CHECKED


async def test_a_wrong_partition_count(apache_kafka: ApacheKafka, settings: Settings) -> None:
    name = settings.topic_prefix + COMMANDS
    admin = AdminClient({"bootstrap.servers": apache_kafka.bootstrap, "log_level": 0})
    for done in admin.create_partitions([NewPartitions(name, 4)]).values():
        done.result()

    async def seen() -> bool:
        return f"{name} 4" in (await looked(settings))["topics"].found

    await until(seen)
    assert (await looked(settings))["topics"].state is State.FAILED


async def test_a_missing_index_and_one_with_other_options(settings: Settings) -> None:
    async with clients.opened_mongo(settings) as client:
        database = client[settings.mongo_database]
        await database.contracts.drop_index("contract_id")
        await database.contracts.create_index([("contract_id", 1)], name="theirs")
        await database.history.drop_index("account_id_offset")
        await database.drop_collection("leases")
    found = (await looked(settings))["indexes"]
    assert found.state is State.FAILED
    assert found.found.split("; ") == [
        "the collection leases is missing",
        "the index contracts.contract_id has other options",
        "the index history.account_id_offset is missing",
    ]
    assert "contracts indexes ensure" in found.hint


async def test_a_stopped_broker_leaves_the_database_to_be_checked(
    apache_kafka: ApacheKafka, settings: Settings
) -> None:
    apache_kafka.kill()
    found = await looked(settings)
    assert of_state(found, State.FAILED) == {"kafka connection"}
    assert found["kafka connection"].hint
    assert {name for name in KAFKA_CHECKS if found[name].state is not State.NOT_CHECKED} == set()
    assert {found[name].state for name in MONGODB_CHECKS[:-1]} == {State.OK}


async def test_a_database_that_is_away_leaves_the_brokers_to_be_checked(settings: Settings) -> None:
    away = {"mongo_timeout_ms": 200, "mongo_uri": SecretStr("mongodb://127.0.0.1:1")}
    found = await looked(settings.model_copy(update=away))
    assert of_state(found, State.FAILED) == {"mongodb connection"}
    assert {found[name].state for name in (*MONGODB_CHECKS, "partitions")} == {State.NOT_CHECKED}
    assert {found[name].state for name in KAFKA_CHECKS[:-1]} == {State.OK}
