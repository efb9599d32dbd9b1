"""Traces on real servers: what reaches a collector, and that nothing of it is stored or published."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import bson
import pytest
from confluent_kafka import Producer

from consumer.kafka.tail import tail
from consumer.operator.choices import Decision
from consumer.settings import Settings
from devstack.kafka import ApacheKafka
from devstack.proof.load import Load
from devstack.proof.message import Message
from schemas.topics import COMMANDS, TOPICS
from tests.running import positions, running, settings_for
from tests.servers import Servers, create_topic
from tests.system.engine.checkpoints import lose, send
from tests.system.engine.test_replay import at_rest, publish, stored
from tests.unit.telemetry.collector import Collector, collecting

NO_COMMANDS = {"dead_letter", "forwarded"}
OUTPUTS = [name for name, topic in TOPICS.items() if topic.direction == "out"]
RECORDS = 600
SENDERS = (None, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-plain")
"""None, a sampled one, and one that is none: all these commands have spans if all are to be traced."""


@contextmanager
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """What services export that are started meanwhile."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100000")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with collecting() as (made, address):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        yield made


def of_commands(collector: Collector) -> list[Any]:
    return [span for span in collector.spans if span.name.startswith("process ")]


async def test_every_command_has_a_span(kafka: Any, mongo: Any, database: str, monkeypatch: Any) -> None:
    settings = settings_for(kafka, mongo, database, traces_sample_ratio=1.0, max_batch_commands=100)
    with collector(monkeypatch) as collected:
        async with running(settings) as service:
            await asyncio.to_thread(publish, settings)
            await at_rest(settings)
    entries = [bson.decode(raw) for raw in stored(settings)["history"].values()]
    commands = [entry for entry in entries if entry["outcome"] not in NO_COMMANDS]
    spans = of_commands(collected)
    assert service.metrics.value("command_latency_seconds_count") == len(entries)
    assert len(spans) == len({span.span_id for span in spans}) == len(commands) > 500
    outcomes = [
        each.value.string_value
        for span in spans
        for each in span.attributes
        if each.key == "contracts.outcome"
    ]
    assert sorted(outcomes) == sorted(entry["outcome"] for entry in commands)


def traced_log() -> Iterator[Message]:
    """Commands of all kinds, with and without the trace of a sender."""
    load = (each for each in Load(4, accounts=60, misplaced=0).messages(RECORDS) if each.via == "murmur2")
    for message, parent in zip(load, cycle(SENDERS)):
        more = [] if parent is None else [("ce_traceparent", parent.encode())]
        yield message._replace(headers=[*message.headers, *more])


async def read(settings: Settings, names: Iterable[str]) -> dict[tuple[str, int], list[Any]]:
    """The committed records of topics, by topic and partition, in the order of the log."""
    found = defaultdict(list)
    async with tail(settings, list(names)) as reading:
        async for record in reading.to_end():
            found[record.topic.removeprefix(settings.topic_prefix), record.partition].append(record)
    return {place: sorted(records, key=lambda each: each.offset) for place, records in found.items()}


async def published(settings: Settings) -> dict[tuple[str, int], list[Any]]:
    """Keys, values and headers of all that the service has published."""
    return {
        place: [(each.key, each.value, each.headers) for each in records]
        for place, records in (await read(settings, OUTPUTS)).items()
    }


async def copy_log(original: Settings, copy: Settings) -> None:
    """The same records at the same places and times."""
    logs = await read(original, [COMMANDS])
    topic = copy.topic_prefix + COMMANDS
    by_producer = {"message.timestamp.type": "CreateTime"}
    await asyncio.to_thread(
        create_topic, copy.kafka_bootstrap_servers, topic, copy.topic_partitions, **by_producer
    )

    def write() -> None:
        producer = Producer({"bootstrap.servers": copy.kafka_bootstrap_servers, "linger.ms": 5})
        for (_, partition), records in logs.items():
            for each in records:
                headers: Any = list(each.headers)
                producer.produce(
                    topic, each.value, each.key, partition, timestamp=each.timestamp, headers=headers
                )
                producer.poll(0)
        assert producer.flush(60) == 0

    await asyncio.to_thread(write)
    there = await read(copy, [COMMANDS])
    assert {place: [each.timestamp for each in found] for place, found in there.items()} == {
        place: [each.timestamp for each in found] for place, found in logs.items()
    }


async def test_traces_change_no_byte_and_a_replay_exports_none(
    servers: Servers,
    apache_kafka: ApacheKafka,
    mongo: Any,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same log on two brokers, in topics of the same names, from which the ids of events are made."""
    traced = settings_for(servers.kafka("noida"), mongo, database, traces_sample_ratio=1.0)
    plain = settings_for(apache_kafka, mongo, database, mongo_database=f"{database}-plain")
    with collector(monkeypatch) as collected:
        async with running(traced):
            await asyncio.to_thread(send, traced, traced_log())
            await at_rest(traced)
        assert len(of_commands(collected)) > 400
    await copy_log(traced, plain)
    with collector(monkeypatch) as collected:
        async with running(plain):
            await at_rest(plain)
    assert collected.spans == []
    before, told = stored(traced), await published(traced)
    assert sum(map(len, told.values())) > 800
    untraced = await published(plain)
    for place, records in told.items():
        differing = [pair for pair in zip(records, untraced[place], strict=True) if pair[0] != pair[1]]
        assert differing == [], (place, differing[0])
    assert told.keys() == untraced.keys()
    assert before == stored(plain)

    await lose(traced)
    async with positions(traced) as admin:
        await admin.reset(Decision.REBUILD)
    with collector(monkeypatch) as collected:
        async with running(traced):
            await at_rest(traced)
            assert stored(traced) == before
            assert await published(traced) == told
            await asyncio.to_thread(send, traced, Load(5, accounts=1, misplaced=0, rubbish=0).messages(1))
            await at_rest(traced)
    [span] = of_commands(collected)
    [entry] = [
        bson.decode(raw) for key, raw in stored(traced)["history"].items() if key not in before["history"]
    ]
    offsets = [each.value.int_value for each in span.attributes if each.key == "messaging.kafka.offset"]
    assert offsets == [entry["offset"]], "the new command has the only span: the exporter was at work"
    assert [each.name for each in collected.spans if each.name.startswith("take over")] == []
