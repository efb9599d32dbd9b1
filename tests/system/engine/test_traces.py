"""Traces on real servers: what reaches a collector."""

import asyncio
from typing import Any

import bson

from tests.running import running, settings_for
from tests.system.engine.test_replay import at_rest, publish, stored
from tests.unit.telemetry.collector import collecting

NO_COMMANDS = {"dead_letter", "forwarded"}


async def test_every_command_has_a_span(kafka: Any, mongo: Any, database: str, monkeypatch: Any) -> None:
    settings = settings_for(kafka, mongo, database, traces_sample_ratio=1.0, max_batch_commands=100)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100000")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with collecting() as (collector, address):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        async with running(settings) as service:
            await asyncio.to_thread(publish, settings)
            await at_rest(settings)
    entries = [bson.decode(raw) for raw in stored(settings)["history"].values()]
    commands = [entry for entry in entries if entry["outcome"] not in NO_COMMANDS]
    spans = [span for span in collector.spans if span.name.startswith("process ")]
    assert service.metrics.value("command_latency_seconds_count") == len(entries)
    assert len(spans) == len({span.span_id for span in spans}) == len(commands) > 500
    outcomes = [
        each.value.string_value
        for span in spans
        for each in span.attributes
        if each.key == "contracts.outcome"
    ]
    assert sorted(outcomes) == sorted(entry["outcome"] for entry in commands)
