"""From a latency in /metrics to the trace of a command."""

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse_text

from consumer.telemetry.health import Health
from consumer.telemetry.http import http_app
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.traces import TracedCommand
from tests.unit.engine.logs import create, update
from tests.unit.engine.scene import Scene
from tests.unit.telemetry.spans import TracesInMemory, hex_ids

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


async def scraped(metrics, accept=None):
    transport = httpx.ASGITransport(http_app(metrics, Health()))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
        return (await http.get("/metrics", headers={"accept": accept or "text/plain"})).text


async def exemplars(metrics):
    families = text_string_to_metric_families(await scraped(metrics, OPENMETRICS))
    [latency] = (each for each in families if each.name == "contracts_command_latency_seconds")
    return {each.labels["le"]: each.exemplar for each in latency.samples if each.exemplar}


async def test_each_bucket_shows_the_last_traced_command_in_it():
    metrics = Metrics()
    traced = [TracedCommand(0.3, "a", "1"), TracedCommand(0.4, "b", "2"), TracedCommand(5_000, "c", "3")]
    metrics.latencies([0.3, 0.4, 0.4, 5_000], traced)
    shown = await exemplars(metrics)
    assert {le: (each.labels, each.value) for le, each in shown.items()} == {
        "0.5": ({"trace_id": "b", "span_id": "2"}, 0.4),
        "+Inf": ({"trace_id": "c", "span_id": "3"}, 5_000),
    }
    assert metrics.value("command_latency_seconds_count") == 4
    metrics.latencies([0.4], [TracedCommand(0.45, "d", "4")])
    assert (await exemplars(metrics))["0.5"].labels["trace_id"] == "d"


async def test_the_plain_text_format_has_none():
    metrics = Metrics()
    metrics.latencies([0.3], [TracedCommand(0.3, "a", "1")])
    text = await scraped(metrics)
    assert "trace_id" not in text
    assert list(parse_text(text))


async def test_without_traces_there_are_none():
    metrics = Metrics()
    metrics.latencies([0.3])
    assert await exemplars(metrics) == {}


async def test_a_worker_s_exemplars_name_the_spans_of_its_commands():
    scene, spans, metrics = Scene(), TracesInMemory(1), Metrics()
    scene.send([create(0), update(1)])
    await scene.work(traces=spans, metrics=metrics)
    shown = [each.labels for each in (await exemplars(metrics)).values()]
    assert shown
    known = {hex_ids(span.context) for span in spans.processed}
    assert {(each["trace_id"], each["span_id"]) for each in shown} <= known
