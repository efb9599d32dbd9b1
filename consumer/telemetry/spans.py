"""Finished spans of OpenTelemetry, and their contexts.

Not by way of the SDK's tracer: it takes ten times as long, and makes ids of its own.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from secrets import randbits
from threading import Thread
from time import time_ns
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from consumer.version import service_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Link
    from opentelemetry.util.types import AttributeValue

CLOSE_SECONDS: Final = 2.0
"""How long spans may still be sent at the end of the process."""

SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class Spans:
    """Hands spans to `processor`, which must not block; `resource` describes this process."""

    def __init__(self, processor: SpanProcessor, resource: Resource) -> None:
        self._processor = processor
        self._resource = resource
        self._scope = InstrumentationScope("contract-service", service_version())

    def end(
        self,
        name: str,
        context: SpanContext,
        start: int,
        attributes: Mapping[str, AttributeValue],
        end: int | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        parent: SpanContext | None = None,
        links: Sequence[Link] = (),
    ) -> None:
        """Makes a span that has ended, at `end` or now."""
        self._processor.on_end(
            ReadableSpan(
                name,
                context,
                parent,
                self._resource,
                attributes,
                links=links,
                kind=kind,
                start_time=start,
                end_time=end or time_ns(),
                instrumentation_scope=self._scope,
            )
        )

    async def close(self) -> None:
        """Sends what waits, for at most CLOSE_SECONDS: a collector that is away must not delay the end."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._processor.shutdown()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(done.set)

        Thread(target=shut_down, daemon=True).start()
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), CLOSE_SECONDS)


def new_context(parent: SpanContext | None = None) -> SpanContext:
    """The context of a span in a trace of its own, or in that of its parent."""
    return own_context(randbits(128) if parent is None else parent.trace_id, randbits(64))


def own_context(trace_id: int, span_id: int) -> SpanContext:
    """The context of a recorded span of this process."""
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=SAMPLED)
