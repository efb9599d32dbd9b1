"""Trace context in headers, for publishers of commands and for handlers of events.

    with tracer.start_as_current_span("process contracts.changed", links=command_links(record.headers)):
        ...

OpenTelemetry need not be installed to publish.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from schemas.cloudevents import offset_in
from schemas.span_ids import command_span, sender_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.trace import Link

    Headers = Mapping[str, str | bytes | None] | Iterable[tuple[str, str | bytes | None]]
    """As the Kafka clients give them."""

TRACE_HEADERS: Final = ("traceparent", "tracestate")


def current_trace() -> dict[str, str]:
    """The headers of a command that is sent within the current span; none outside of a span."""
    # A program without this module has no current span, and one that publishes need not wait for its import.
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return {f"ce_{name}": text for name in TRACE_HEADERS if (text := carrier.get(name))}


def command_links(headers: Headers) -> list[Link]:
    """Links from a handler's span: to the service's span of the command, and to its sender's span.

    Args:
        headers: of an event.

    The service's span exists if the command was sampled.
    """
    from opentelemetry.trace import Link, SpanContext, TraceFlags  # noqa: PLC0415

    found = {name: _text(content) for name, content in _pairs(headers)}
    traceparent = found.get("ce_traceparent") or None
    sender = sender_of(traceparent)
    offset = offset_in(found.get("ce_sequence", "").encode())
    spans: list[tuple[int, int]] = [] if sender is None else [(sender.trace_id, sender.span_id)]
    if offset is not None:
        spans.insert(0, command_span(sender, traceparent, found.get("ce_causationid", ""), offset))
    flags = TraceFlags(TraceFlags.SAMPLED if sender is None or sender.sampled else TraceFlags.DEFAULT)
    return [Link(SpanContext(*span, is_remote=True, trace_flags=flags)) for span in spans]


def _pairs(headers: Headers) -> Iterable[tuple[str, str | bytes | None]]:
    return headers.items() if isinstance(headers, Mapping) else headers


def _text(content: str | bytes | None) -> str:
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else content or ""
