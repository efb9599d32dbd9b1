"""Waiting for the result of a command."""

import json

import pytest
from confluent_kafka import Producer

from consumer.errors import ResultTimeout
from consumer.pipeline.homes import murmur2_home
from consumer.settings import Settings, load_settings
from devstack.given import GivenKafka
from devstack.kafka import KafkaServer
from producers.commands import NewCommand
from producers.results import result_listener
from producers.topics import ensure
from schemas.topics import COMMAND_RESULTS

Broker = KafkaServer | GivenKafka
COMMAND = NewCommand("create", "acme", b"{}", "/crm", id="c-7")


@pytest.fixture
async def settings(kafka: Broker, topic_prefix: str) -> Settings:
    settings = load_settings(
        kafka_bootstrap_servers=kafka.bootstrap, topic_prefix=topic_prefix, topic_replication_factor=1
    )
    await ensure(settings, 4)
    return settings


def tell(settings: Settings, *results: dict[str, object]) -> None:
    """Publish results as the service would, with a client that is not ours."""
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    topic = settings.topic_prefix + COMMAND_RESULTS
    for result in results:
        producer.produce(topic, json.dumps(result), key=b"acme", partition=murmur2_home(b"acme", 4))
    producer.flush(30)


def result(outcome: str, *, source: str = "/crm", name: str = "c-7") -> dict[str, object]:
    return {"command": {"id": name, "source": source, "type": "x"}, "outcome": outcome}


async def test_the_result_of_this_very_command_is_returned(settings: Settings) -> None:
    tell(settings, result("applied before"))
    async with result_listener(settings, "acme") as listener:
        tell(
            settings,
            result("another id", name="c-77"),
            result("another source", source="/erp"),
            result("applied"),
        )
        found = await listener.result_of(COMMAND, within=30)
    assert found["outcome"] == "applied"


async def test_no_result_in_time_is_an_error_of_its_own(settings: Settings) -> None:
    tell(settings, result("applied before"))
    async with result_listener(settings, "acme") as listener:
        with pytest.raises(ResultTimeout, match=r"no result of command c-7 within 0.3 s"):
            await listener.result_of(COMMAND, within=0.3)
