"""Records what the engine reports as spans of OpenTelemetry, after the conventions for messaging.

    process contracts.commands      of each sampled command, in the sender's trace
    batch contracts.commands        of each batch with a sampled command, in a trace of its own
      transaction contracts         MongoDB
        load, fold, store
      send                          Kafka
    poll contracts.commands
    take over contracts.commands

A span is made when it has ended: what is not published has none.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry.trace import Link, SpanKind

from consumer.telemetry.spans import new_context
from consumer.telemetry.traces import TracedCommand, Traces
from consumer.telemetry.traces_sampled import RecordedBatch, Sampler

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opentelemetry.util.types import AttributeValue

    from consumer.telemetry.spans import Spans
    from consumer.telemetry.traces import BatchTrace, Stages
    from consumer.telemetry.traces_sampled import Sampled

MOST_LINKS: Final = 128
"""Of one span: OpenTelemetry's default limit."""


class Names(NamedTuple):
    """What the service's topic, group and database are called."""

    topic: str
    group: str
    database: str


class RecordedTraces(Traces):
    """Makes spans of what happens.

    Args:
        spans: where they go.
        ratio: 0 to 1, of the commands whose sender has no trace.
        names: for attributes.
    """

    def __init__(self, spans: Spans, ratio: float, names: Names) -> None:
        self._spans = spans
        self._sampler = Sampler(ratio)
        self._names = names
        self._kafka: dict[str, AttributeValue] = {
            "messaging.system": "kafka",
            "messaging.destination.name": names.topic,
            "messaging.consumer.group.name": names.group,
        }
        self._process = self._kafka | _operation("process")

    def batch(self, stage: Stages) -> BatchTrace:
        """A batch begins."""
        return RecordedBatch(stage, self._sampler)

    def published(self, batches: Iterable[BatchTrace], since: int) -> Sequence[TracedCommand]:
        """Makes the spans of the sampled commands and of their batches."""
        now = time_ns()
        recorded = [each for each in batches if isinstance(each, RecordedBatch) and each.commands]
        for batch in recorded:
            self._batch(batch, now)
            for command in batch.commands:
                self._command(command, batch, now)
        if recorded:
            self._send(recorded, since, now)
        return [
            TracedCommand(
                now / 1e9 - each.incoming.record.timestamp / 1e3,
                f"{each.context.trace_id:032x}",
                f"{each.context.span_id:016x}",
            )
            for batch in recorded
            for each in batch.commands
        ]

    def fetched(self, records: int, since: int) -> None:
        """Makes a span, if it is sampled."""
        context = new_context()
        if records and self._sampler.root(context.trace_id):
            attributes = self._kafka | _operation("poll", "receive")
            attributes["messaging.batch.message_count"] = records
            self._spans.end(f"poll {self._names.topic}", context, since, attributes, kind=SpanKind.CLIENT)

    def took_over(self, reason: str, partitions: int, since: int) -> None:
        """Makes a span of each: they are rare."""
        attributes = {**self._kafka, "contracts.takeover.reason": reason, "contracts.partitions": partitions}
        self._spans.end(f"take over {self._names.topic}", new_context(), since, attributes)

    def _command(self, sampled: Sampled, batch: RecordedBatch, now: int) -> None:
        incoming, entry, context, sender = sampled
        attributes = self._process | {
            "messaging.destination.partition.id": str(incoming.record.partition),
            "messaging.kafka.offset": incoming.record.offset,
            "contracts.command": incoming.command.name,
            "contracts.outcome": entry.outcome,
        }
        if entry.code is not None:
            attributes["contracts.code"] = entry.code
        links = [Link(each) for each in (sender, batch.context) if each is not None]
        name = f"process {self._names.topic}"
        self._spans.end(name, context, batch.start, attributes, now, SpanKind.CONSUMER, sender, links)

    def _batch(self, batch: RecordedBatch, now: int) -> None:
        links = [Link(each.context) for each in batch.commands[:MOST_LINKS]]
        attributes = self._kafka | {"messaging.batch.message_count": batch.records}
        self._spans.end(
            f"batch {self._names.topic}", batch.context, batch.start, attributes, now, links=links
        )
        transaction = new_context(batch.context)
        mongo: dict[str, AttributeValue] = {
            "db.system.name": "mongodb",
            "db.namespace": self._names.database,
            "db.operation.name": "transaction",
        }
        self._spans.end(
            f"transaction {self._names.database}",
            transaction,
            batch.steps[0].start,
            mongo,
            batch.stored_at,
            SpanKind.CLIENT,
            batch.context,
        )
        for step in batch.steps:
            self._spans.end(step.name, new_context(transaction), step.start, {}, step.end, parent=transaction)

    def _send(self, batches: Sequence[RecordedBatch], since: int, now: int) -> None:
        """One Kafka transaction publishes several batches: its span is in the trace of the first."""
        first, *others = (batch.context for batch in batches)
        attributes: dict[str, AttributeValue] = {"messaging.system": "kafka", **_operation("send")}
        links = [Link(each) for each in others[:MOST_LINKS]]
        self._spans.end("send", new_context(first), since, attributes, now, SpanKind.CLIENT, first, links)

    async def __aexit__(self, *_: object) -> None:
        """Sends what waits."""
        await self._spans.close()


def _operation(name: str, type_: str | None = None) -> dict[str, AttributeValue]:
    return {"messaging.operation.name": name, "messaging.operation.type": type_ or name}
