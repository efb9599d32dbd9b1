"""What a batch publishes, in the order of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer.domain.model import LimitReached
from consumer.engine.command_outputs import event_name
from schemas.contract import to_json
from schemas.events import STATE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from consumer.domain.model import Event
    from consumer.engine.encoder import Encoder
    from consumer.engine.records import Incoming, Misplaced, Undecodable
    from consumer.kafka.recordbatches import BatchWriter, RecordBatch
    from schemas.contract import Contract
    from schemas.events import ChangedField, LimitReachedData
    from schemas.names import UsageMetric


class Outputs:
    """Collects outputs. `writer` encodes them; None: they were published before."""

    def __init__(self, encoder: Encoder, writer: BatchWriter | None) -> None:
        self._encoder = encoder
        self._writer = writer
        self._unpublished = 0
        self.published: dict[str, int] = {}
        """Number of events by name."""
        self.limits_reached: dict[tuple[UsageMetric, int], int] = {}
        """Number of `limit_reached` events by metric and threshold."""

    @property
    def size(self) -> int:
        """Approximate uncompressed bytes so far. During a replay, only those of the changed fields."""
        return self._unpublished if self._writer is None else self._writer.bytes

    def finish(self) -> list[RecordBatch] | None:
        """The complete outputs; None during a replay of what was published before."""
        return None if self._writer is None else self._writer.finish()

    def command(
        self,
        incoming: Incoming,
        events: Sequence[tuple[Event, Sequence[ChangedField]]],
        result: dict[str, Any],
        identity: bytes,
        now: datetime,
        published_state: Sequence[Contract | None] = (),
    ) -> None:
        """Adds a command's events, each with its changed fields, what the contract became, and its result.

        `published_state`: the current contract, if it is to be published even if nothing changed it.
        """
        writer = self._writer
        if writer is None:
            self._unpublished += sum(len(to_json(fields)) for _, fields in events)
            return
        outputs = self._encoder.outputs(incoming, identity, now)
        for event, fields in events:
            writer.add(outputs.event(event, fields))
            if isinstance(event, LimitReached):
                self._limit_reached(event.notice)
            self._count(event_name(event))
        if (state := outputs.state(published_state)) is not None:
            writer.add(state)
            self._count(STATE.name)
        writer.add(outputs.result(result))
        self._count("command_result")

    def dead_letter(self, letter: Undecodable, identity: bytes, offset: int, now: datetime) -> None:
        """Adds a dead letter, and the result for its sender if its identity is known."""
        if self._writer is None:
            return
        self._writer.add(self._encoder.dead_letter(letter))
        result = self._encoder.dead_letter_result(letter, identity, offset, now)
        if result is not None:
            self._writer.add(result)
            self._count("command_result")

    def forwarded(self, misplaced: Misplaced) -> None:
        """Adds a command that is forwarded to its home."""
        if self._writer is not None:
            self._writer.add(self._encoder.forward(misplaced))

    def _limit_reached(self, notice: LimitReachedData) -> None:
        limit = notice["metric"], notice["threshold"]
        self.limits_reached[limit] = self.limits_reached.get(limit, 0) + 1

    def _count(self, event: str) -> None:
        self.published[event] = self.published.get(event, 0) + 1
