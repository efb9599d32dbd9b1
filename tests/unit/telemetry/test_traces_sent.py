"""Traces as the settings switch them on: over OTLP, and with a collector that is away or hangs."""

import asyncio
import builtins
import socket
import time

import pytest

from consumer.errors import StartRefused
from consumer.settings import load_settings
from consumer.telemetry.traces import NO_TRACES
from consumer.telemetry.traces_setup import open_traces
from tests.unit.engine.logs import create, update
from tests.unit.engine.scene import Scene
from tests.unit.telemetry.collector import collecting
from tests.unit.telemetry.spans import SAMPLED, SPAN, TRACE, traced

QUEUE = 64
EXPORTED = 8
LOG = [create(0), *(update(offset) for offset in range(1, 3 * QUEUE))]


def opened(ratio=1):
    return open_traces(load_settings(traces_sample_ratio=ratio))


async def worked(traces, log=LOG):
    scene = Scene()
    scene.send(log)
    await scene.work(traces=traces)
    return scene


async def test_spans_arrive_at_a_collector_over_otlp(monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    with collecting() as (collector, address):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        traces = opened()
        await worked(traces, [traced(create(0), SAMPLED), update(1)])
        await traces.__aexit__()
    first, second = (span for span in collector.spans if span.name == "process contracts.commands")
    assert (first.trace_id.hex(), first.parent_span_id.hex()) == (TRACE, SPAN)
    assert first.links[0].span_id.hex() == SPAN
    assert not second.parent_span_id
    names = {"batch contracts.commands", "transaction contracts", "send", "load", "fold", "store"}
    assert names | {"poll contracts.commands", "take over contracts.commands"} <= {
        span.name for span in collector.spans
    }
    assert collector.resource["service.name"] == "contract-service"
    assert collector.resource["deployment.environment.name"] == "test"


async def test_the_name_of_the_service_can_be_given(monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    with collecting() as (collector, address):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        traces = opened()
        await worked(traces, [create(0)])
        await traces.__aexit__()
    assert collector.resource["service.name"] == "ours"


@pytest.fixture
def small_queue(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", str(QUEUE))
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", str(EXPORTED))


@pytest.fixture
def hanging():
    """Accepts connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def absent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def failing():
    with collecting(503) as (_, address):
        yield address


@pytest.mark.parametrize("kind", ["hanging", "absent", "failing"])
@pytest.mark.usefixtures("small_queue")
async def test_a_collector_that_does_not_work_stops_and_delays_nothing(kind, request, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", request.getfixturevalue(kind))
    traces = opened()
    started = time.monotonic()
    scene = await worked(traces)
    assert scene.position.next == len(LOG)
    assert QUEUE - EXPORTED <= len(traces._spans._processor._batch_processor._queue) <= QUEUE
    await traces.__aexit__()
    assert time.monotonic() - started < 10
    plain = await worked(NO_TRACES)
    assert scene.store.history == plain.store.history


def test_traces_are_off_by_default():
    assert open_traces(load_settings()) is NO_TRACES


def test_without_opentelemetry_the_start_says_what_to_install(monkeypatch):
    imported = builtins.__import__

    def without(name, *given, **options):
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return imported(name, *given, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StartRefused) as refused:
        opened()
    assert refused.value.hint == "pip install 'contract-service[otel]'"
    assert open_traces(load_settings()) is NO_TRACES


def test_a_wrong_variable_of_opentelemetry_ends_the_start(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with pytest.raises(StartRefused, match="max_queue_size"):
        opened()


async def test_the_event_loop_goes_on_while_traces_are_closed(hanging, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", hanging)
    traces = opened()
    await worked(traces, [create(0)])
    closing = asyncio.create_task(traces.__aexit__())
    await asyncio.sleep(0.01)
    assert not closing.done()
    await closing
