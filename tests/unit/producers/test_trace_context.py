"""Commands carry the trace within which they are sent."""

import subprocess
import sys

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, use_span

from producers.messages import command_message
from schemas.envelopes import read_binary
from schemas.span_ids import sender_of


def headers():
    return dict(command_message("renew", "acme", {}, source="/crm").headers)


def test_a_command_has_the_trace_of_the_current_span():
    with TracerProvider().get_tracer("test").start_as_current_span("order") as span:
        envelope = read_binary(headers())
    context = span.get_span_context()
    assert sender_of(envelope.traceparent) == (context.trace_id, context.span_id, True)
    assert envelope.tracestate is None


def test_it_says_when_the_span_is_not_recorded():
    with TracerProvider(sampler=ALWAYS_OFF).get_tracer("test").start_as_current_span("order"):
        assert sender_of(read_binary(headers()).traceparent).sampled is False


def test_the_state_of_the_trace_is_passed_on():
    context = SpanContext(
        1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "a")])
    )
    with use_span(NonRecordingSpan(context)):
        assert headers()["ce_tracestate"] == b"vendor=a"


def test_outside_of_a_span_a_command_has_none():
    assert not {"ce_traceparent", "ce_tracestate"} & set(headers())


def test_publishing_imports_no_opentelemetry():
    script = (
        "import sys; from producers.messages import command_message;"
        "command_message('renew', 'acme', {}, source='/crm');"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
