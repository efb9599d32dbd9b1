"""Foreign clients: confluent-kafka publishes; FastStream, kcat and the CloudEvents SDK read every event."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from cloudevents.core.bindings import kafka as sdk
from confluent_kafka import Consumer, Producer
from faststream.kafka import KafkaBroker, KafkaMessage

from consumer.reading.events import EventQuery, ReadEvent, events
from consumer.settings import Settings
from schemas.events import EVENTS
from tests.running import Running, running, settings_for

ACCOUNTS = 12
COMMANDS = ACCOUNTS + 1
SECONDS = 60


class Published(NamedTuple):
    settings: Settings
    service: Running
    events: dict[str, ReadEvent]

    @property
    def topics(self) -> list[str]:
        return [self.settings.topic_prefix + spec.topic for spec in EVENTS.values()]


def publish(settings: Settings, partitioner: str, accounts: list[str]) -> None:
    now = datetime.now(UTC)
    dates = {
        "start_date": (now - timedelta(days=300)).isoformat(),
        "end_date": (now + timedelta(days=5)).isoformat(),
    }
    data = {"contract_type": "basic", "auto_renewal": False, "notes": "Ä 🙂", **dates}
    send(settings, partitioner, accounts, "create", data)


def report(settings: Settings, account: str) -> None:
    """Nearly all that the account's plan has room for, in this month."""
    data = {"period": f"{datetime.now(UTC):%Y-%m}", "metric": "monthly_trades", "value": 9_000}
    send(settings, "murmur2_random", [account], "report_usage", data)


def send(settings: Settings, partitioner: str, accounts: list[str], name: str, data: dict[str, Any]) -> None:
    producer = Producer(
        {"bootstrap.servers": settings.kafka_bootstrap_servers, "partitioner": partitioner, "acks": "all"}
    )
    for account in accounts:
        producer.produce(
            f"{settings.topic_prefix}contracts.commands",
            key=account,
            value=json.dumps(data),
            headers={
                "ce_specversion": "1.0",
                "ce_id": f"{name} {account}",
                "ce_source": "/confluent",
                "ce_type": f"com.easytrade.contract.{name}.v1",
                "ce_correlationid": "corr-é",
                "content-type": "application/json",
            },
        )
    assert producer.flush(SECONDS) == 0


@pytest.fixture
async def published(kafka: Any, mongo: Any, database: str) -> AsyncIterator[Published]:
    """Contracts that end in five days, created by confluent-kafka under both of its partitioners."""
    settings = settings_for(kafka, mongo, database)
    accounts = [f"account-{number}" for number in range(ACCOUNTS)]
    async with running(settings) as service:
        for partitioner, chosen in (("murmur2_random", accounts[::2]), ("consistent_random", accounts[1::2])):
            await asyncio.to_thread(publish, settings, partitioner, chosen)
        await asyncio.to_thread(report, settings, accounts[0])
        results = EventQuery(events=frozenset({"command_result"}))
        async with asyncio.timeout(SECONDS):
            while len([event async for event in events(settings, results)]) < COMMANDS:
                pass  # each look takes its time
        found = [event async for event in events(settings, EventQuery())]
        yield Published(settings, service, {event.attributes["id"]: event for event in found})


async def test_commands_of_confluent_kafka_are_accepted(published: Published) -> None:
    """Whatever its partitioner: those that land elsewhere are forwarded to their home."""
    results = [event.data for event in published.events.values() if event.name == "command_result"]
    assert [result["outcome"] for result in results] == ["applied"] * COMMANDS
    assert await published.service.database["contracts"].count_documents({"notes": "Ä 🙂"}) == ACCOUNTS
    assert published.service.metrics.value("forwarded_total") > 0


async def test_every_kind_of_event_is_among_them(published: Published) -> None:
    assert {event.name for event in published.events.values()} == set(EVENTS)


async def test_a_faststream_subscriber_reads_every_event(published: Published) -> None:
    broker = KafkaBroker(published.settings.kafka_bootstrap_servers)
    found: dict[str, Any] = {}
    all_there = asyncio.Event()

    @broker.subscriber(
        *published.topics,
        group_id=f"{published.settings.group_id}-faststream",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    async def handle(data: dict[str, Any], message: KafkaMessage) -> None:
        found[message.headers["ce_id"]] = data
        if len(found) == len(published.events):
            all_there.set()

    async with broker:
        await broker.start()
        async with asyncio.timeout(SECONDS):
            await all_there.wait()
    assert found == {id_: event.data for id_, event in published.events.items()}


async def test_kcat_reads_every_event(published: Published) -> None:
    kcat = shutil.which("kcat")
    if kcat is None and os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail("kcat is required in CI", pytrace=False)
    if kcat is None:
        pytest.skip("kcat is not installed: it was NOT tested that it reads our events")
    found: dict[str, Any] = {}
    for topic in published.topics:
        command = [kcat, "-C", "-e", "-q", "-J", "-b", published.settings.kafka_bootstrap_servers]
        command += ["-t", topic, "-o", "beginning", "-X", "isolation.level=read_committed"]
        ran = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert ran.returncode == 0, ran.stderr
        for record in map(json.loads, ran.stdout.splitlines()):
            headers = dict(zip(record["headers"][::2], record["headers"][1::2], strict=True))
            found[headers["ce_id"]] = json.loads(record["payload"])
    assert found == {id_: event.data for id_, event in published.events.items()}


async def test_the_cloudevents_sdk_reads_every_event(published: Published) -> None:
    found = await asyncio.to_thread(by_the_sdk, published)
    assert {event.get_id(): event.get_data() for event in found} == {
        id_: event.data for id_, event in published.events.items()
    }
    for event in found:
        assert event.get_extension("correlationid") == "corr-é"
        subject = event.get_subject()
        assert event.get_extension("causationid") in {f"create {subject}", f"report_usage {subject}"}


def by_the_sdk(published: Published) -> list[Any]:
    consumer = Consumer(
        {
            "bootstrap.servers": published.settings.kafka_bootstrap_servers,
            "group.id": f"{published.settings.group_id}-sdk",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe(published.topics)
    found: list[Any] = []
    try:
        while len(found) < len(published.events):
            message = consumer.poll(SECONDS)
            assert message is not None, f"only {len(found)} of {len(published.events)} were read"
            if message.error() is None:
                headers = dict(message.headers())
                read = sdk.from_kafka_event(sdk.KafkaMessage(headers, message.key(), message.value()))
                found.append(read)
    finally:
        consumer.close()
    return found
