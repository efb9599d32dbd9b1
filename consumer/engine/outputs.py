"""What a batch publishes, in the order of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer.domain.model import LimitReached
from consumer.engine.encoder import event_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from orjson import Fragment

    from consumer.domain.model import Event
    from consumer.engine.encoder import Encoder
    from consumer.engine.records import Incoming, Misplaced, Undecodable
    from consumer.kafka.recordbatches import BatchWriter, RecordBatch
    from schemas.events import LimitReachedData
    from schemas.names import UsageMetric


class Outputs:
    """Outputs in the making. `writer` takes them; None: they were published before."""

    def __init__(self, encoder: Encoder, writer: BatchWriter | None) -> None:
        self._encoder = encoder
        self._writer = writer
        self.published: dict[str, int] = {}
        """How many events of a name were made."""
        self.limits_reached: dict[tuple[UsageMetric, int], int] = {}
        """How many of them tell of a (metric, threshold)."""

    @property
    def size(self) -> int:
        """Bytes so far, uncompressed, about."""
        return 0 if self._writer is None else self._writer.bytes

    def finish(self) -> list[RecordBatch] | None:
        """What is to be published, complete; None while replaying what was published before."""
        return None if self._writer is None else self._writer.finish()

    def command(
        self,
        incoming: Incoming,
        events: Sequence[tuple[Event, Fragment]],
        result: dict[str, Any],
        identity: bytes,
        now: datetime,
    ) -> None:
        """Adds a command's events, each with its changed fields, and its result."""
        writer = self._writer
        if writer is None:
            return
        outputs = self._encoder.outputs(incoming, identity, now)
        for event, fields in events:
            writer.add(outputs.event(event, fields))
            if isinstance(event, LimitReached):
                self._limit_reached(event.notice)
            self._count(event_name(event))
        writer.add(outputs.result(result))
        self._count("command_result")

    def dead_letter(self, letter: Undecodable, identity: bytes, offset: int, now: datetime) -> None:
        """Adds a dead letter, and the answer to its sender when that can be told."""
        if self._writer is None:
            return
        self._writer.add(self._encoder.dead_letter(letter))
        result = self._encoder.dead_letter_result(letter, identity, offset, now)
        if result is not None:
            self._writer.add(result)
            self._count("command_result")

    def forwarded(self, misplaced: Misplaced) -> None:
        """Adds a command on its way home."""
        if self._writer is not None:
            self._writer.add(self._encoder.forward(misplaced))

    def _limit_reached(self, notice: LimitReachedData) -> None:
        limit = notice["metric"], notice["threshold"]
        self.limits_reached[limit] = self.limits_reached.get(limit, 0) + 1

    def _count(self, event: str) -> None:
        self.published[event] = self.published.get(event, 0) + 1
