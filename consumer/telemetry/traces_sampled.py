"""Which commands of a batch have spans, and what is kept of the batch until it is published."""

from __future__ import annotations

from contextlib import contextmanager
from time import time_ns
from typing import TYPE_CHECKING, Final, NamedTuple, cast, get_args

from opentelemetry.trace import SpanContext, TraceState

from consumer.telemetry.spans import SAMPLED, new_context, own_context
from consumer.telemetry.traces import BatchTrace
from schemas.events import OutcomeName
from schemas.span_ids import command_span, sender_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consumer.engine.records import Decoded, Incoming
    from consumer.stages import Stage
    from consumer.storage.history import HistoryEntry
    from consumer.telemetry.traces import Stages

_OF_COMMANDS: Final = frozenset(get_args(OutcomeName))
"""The outcomes in history entries of commands; the others are of dead letters and forwarded records."""

_LOW: Final = (1 << 64) - 1


class Sampled(NamedTuple):
    """A command with a span, whose context is `context`."""

    incoming: Incoming
    entry: HistoryEntry
    context: SpanContext
    sender: SpanContext | None


class Step(NamedTuple):
    """A stage of a batch."""

    name: Stage
    start: int
    end: int


class RecordedBatch(BatchTrace):
    """Collects the stages and the sampled commands of one batch."""

    __slots__ = ("_sampler", "commands", "context", "records", "start", "steps", "stored_at")

    def __init__(self, stage: Stages, sampler: Sampler) -> None:
        super().__init__(self._watched(stage))
        self._sampler = sampler
        self.start = self.stored_at = time_ns()
        self.steps: list[Step] = []
        self.commands: list[Sampled] = []
        self.records = 0
        self.context = new_context()

    def _watched(self, stage: Stages) -> Stages:
        @contextmanager
        def watched(name: Stage) -> Iterator[None]:
            start = time_ns()
            with stage(name):
                yield
            self.steps.append(Step(name, start, time_ns()))

        return watched

    def stored(self, records: Sequence[Decoded], entries: Sequence[HistoryEntry]) -> None:
        """Samples the commands among the records."""
        self.stored_at = time_ns()
        self.records += len(records)
        self.commands += self._sampler.sampled(records, entries)


class Sampler:
    """Decides which commands have spans: as their sender decided, and of the others this share.

    A command's decision is the same in each process, because it depends on its trace id alone.
    """

    def __init__(self, ratio: float) -> None:
        self._bound = round(ratio * (1 << 64))

    def sampled(self, records: Sequence[Decoded], entries: Sequence[HistoryEntry]) -> Iterator[Sampled]:
        """The sampled commands of these records; each record has one entry."""
        for decoded, entry in zip(records, entries, strict=True):
            if entry.outcome in _OF_COMMANDS:
                incoming = cast("Incoming", decoded)
                if found := self._contexts(incoming):
                    yield Sampled(incoming, entry, *found)

    def root(self, trace_id: int) -> bool:
        """Whether a trace that begins here is recorded: the rule of OpenTelemetry's TraceIdRatioBased."""
        return trace_id & _LOW < self._bound

    def _contexts(self, incoming: Incoming) -> tuple[SpanContext, SpanContext | None] | None:
        envelope = incoming.envelope
        sender = sender_of(envelope.traceparent)
        if not (self._bound if sender is None else sender.sampled):
            return None
        ids = command_span(sender, envelope.traceparent, envelope.id, incoming.command.offset)
        if sender is None:
            return (own_context(*ids), None) if self.root(ids.trace_id) else None
        state = TraceState.from_header([envelope.tracestate]) if envelope.tracestate else None
        return (
            SpanContext(*ids, is_remote=False, trace_flags=SAMPLED, trace_state=state),
            SpanContext(*sender[:2], is_remote=True, trace_flags=SAMPLED, trace_state=state),
        )
