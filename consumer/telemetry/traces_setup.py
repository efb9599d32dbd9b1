"""Switches traces on, if the settings say so. OpenTelemetry is imported only then.

Where spans go, and how many wait, are OpenTelemetry's own environment variables: OTEL_EXPORTER_OTLP_…,
OTEL_BSP_…, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from consumer.errors import StartRefused
from consumer.telemetry.traces import NO_TRACES
from consumer.version import service_version
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from consumer.settings import Settings
    from consumer.telemetry.traces import Traces

log = structlog.get_logger()


def open_traces(settings: Settings) -> Traces:
    """The traces of the settings; their exporter connects when it has something to send.

    Raises:
        StartRefused: OpenTelemetry is not installed, or a variable of it is wrong.
    """
    ratio = settings.traces_sample_ratio
    if ratio is None:
        return NO_TRACES
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        from consumer.telemetry.spans import Spans  # noqa: PLC0415
        from consumer.telemetry.traces_recorded import Names, RecordedTraces  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise StartRefused(
            "CONTRACTS_TRACES_SAMPLE_RATIO needs OpenTelemetry", hint="pip install 'contract-service[otel]'"
        ) from error
    try:
        processor = BatchSpanProcessor(OTLPSpanExporter())
    except ValueError as error:
        raise StartRefused(f"traces cannot be sent: {error}", hint="check the OTEL_… variables") from error
    log.info("traces are on", ratio=ratio)
    names = Names(settings.topic_prefix + COMMANDS, settings.group_id, settings.mongo_database)
    return RecordedTraces(Spans(processor, make_resource()), ratio, names)


def make_resource() -> Resource:
    """Describes this process; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before our own names."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415

    given = OTELResourceDetector().detect().attributes
    ours = {"service.name": "contract-service", "service.version": service_version()}
    return Resource.create({name: value for name, value in ours.items() if name not in given})
