"""Traces in memory, and commands with the trace of their sender."""

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from consumer.telemetry.spans import Spans
from consumer.telemetry.traces_recorded import Names, RecordedTraces
from consumer.telemetry.traces_setup import make_resource
from tests.unit.engine.logs import TOPIC

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
UNSAMPLED = f"00-{TRACE}-{SPAN}-00"
NAMES = Names(TOPIC, "group", "contracts")


class TracesInMemory(RecordedTraces):
    """Records at this ratio; `all` has the spans."""

    def __init__(self, ratio):
        self.exporter = InMemorySpanExporter()
        super().__init__(Spans(SimpleSpanProcessor(self.exporter), make_resource()), ratio, NAMES)

    @property
    def all(self):
        return list(self.exporter.get_finished_spans())

    def named(self, word):
        return [span for span in self.all if span.name.startswith(word)]

    @property
    def processed(self):
        """The spans of commands."""
        return self.named("process ")


def traced(record, traceparent, **more):
    """The command, sent in a span."""
    headers = {"ce_traceparent": traceparent, **more}
    added = tuple((name, text.encode()) for name, text in headers.items())
    return record._replace(headers=(*record.headers, *added))


def hex_ids(context):
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"
