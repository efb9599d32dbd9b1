"""What traces cost a command in the service's own thread and in the exporter's: CPU time, without servers."""

from __future__ import annotations

from contextlib import nullcontext
from time import process_time, time_ns
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks.log import Shape, make_log
from consumer.engine.decoder import Decoder
from consumer.telemetry.spans import Spans
from consumer.telemetry.traces import NO_TRACES
from consumer.telemetry.traces_recorded import Names, RecordedTraces
from consumer.telemetry.traces_setup import make_resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.stages import Stage
    from consumer.telemetry.traces import Traces

COMMANDS: Final = 1_000
REPEATS: Final = 30


def spans_of(ratios: tuple[float, ...]) -> dict[str, dict[str, float]]:
    """CPU µs for each command of a batch of a thousand: the least of several tries."""
    records: list[Any] = _decoded()
    entries: list[Any] = [SimpleNamespace(outcome="applied", code=None)] * len(records)

    def batch(traces: Traces) -> None:
        one = traces.batch(_unmeasured)
        for stage in ("load", "fold", "store"):
            with one.stage(stage):
                pass
        one.stored(records, entries)
        traces.published([one], time_ns())

    rows = {"off": {"service": _least(lambda: batch(NO_TRACES)), "exporter": 0.0}}
    for ratio in ratios:
        exporter = InMemorySpanExporter()
        names = Names("contracts.commands", "contracts", "contracts")
        traces = RecordedTraces(Spans(SimpleSpanProcessor(exporter), make_resource()), ratio, names)
        batch(traces)
        found = exporter.get_finished_spans()
        rows[f"{ratio:.0%}"] = {
            "service": _least(lambda traces=traces: batch(traces)),  # type: ignore[misc]
            "exporter": _least(lambda found=found: encode_spans(found).SerializeToString()),  # type: ignore[misc]
        }
    return rows


def _decoded() -> list[Any]:
    decoder = Decoder(1)
    log = make_log(Shape(COMMANDS, COMMANDS // 5), 1)
    return [decoder.decode(_as_read(offset, record)) for offset, record in enumerate(log.records)]


def _as_read(offset: int, record: Any) -> Any:
    headers = tuple(record.headers)
    return SimpleNamespace(
        topic="contracts.commands",
        partition=0,
        offset=offset,
        timestamp=time_ns() // 1_000_000,
        key=record.key,
        value=record.value,
        headers=headers,
    )


def _unmeasured(_: Stage) -> nullcontext[None]:
    return nullcontext()


def _least(work: Callable[[], object]) -> float:
    tries = []
    for _ in range(REPEATS):
        began = process_time()
        work()
        tries.append(process_time() - began)
    return round(1e6 * min(tries) / COMMANDS, 3)
