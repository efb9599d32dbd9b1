"""What is stored and not published when an operator decides where a partition goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.kafka.recordbatches import unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.kafka.journal_entries import Progress
    from consumer.kafka.recordbatches import RecordBatch
    from consumer.storage.protocols import OutboxSlot, Position


class Unpublished(NamedTuple):
    """The outputs of a partition that no Kafka transaction is known to have published.

    `outputs` are stored, and can be published. `missing`: the offsets [first, after) whose outputs are not
    stored any more. `doubtful`: what is stored where the journal does not tell what is published.
    """

    outputs: Sequence[RecordBatch] = ()
    missing: Sequence[tuple[int, int]] = ()
    doubtful: Sequence[OutboxSlot] = ()

    @property
    def given_up(self) -> str:
        """Whose outputs are lost by going on; empty: nobody's."""
        ranges = " and ".join(_offsets(*one) for one in self.missing)
        most = sum(after - first for first, after in self.missing)
        return f"the outputs of {ranges} ({most} commands at most)" if ranges else ""

    def lines(self) -> list[str]:
        """What is to be told about them once the decision is carried out."""
        lines = []
        if self.outputs:
            lines.append(f"published what was stored and not published yet: {_records(self.outputs)}")
        if self.missing:
            lines.append(f"gave up {self.given_up}")
        if self.doubtful:
            offsets = _offsets(self.doubtful[0].first, self.doubtful[-1].next)
            outputs = _records(outputs_of(self.doubtful))
            lines.append(f"counts as published, which nobody can tell: {outputs} of {offsets}")
        return lines


NOTHING: Final = Unpublished()


def unpublished(position: Position, progress: Progress | None, slots: Sequence[OutboxSlot]) -> Unpublished:
    """What of these slots, by first offset, is not published; position and progress do not change."""
    own = [slot for slot in slots if slot.generation == position.generation]
    if progress is None or progress.generation < position.generation:
        return Unpublished(doubtful=own)
    if progress.generation > position.generation:
        # An earlier decision, cut off before it reached the database: it has published all there was.
        return NOTHING
    found: list[OutboxSlot] = []
    missing: list[tuple[int, int]] = []
    reached = progress.next
    for slot in own:
        if reached <= slot.first and slot.next <= position.next:
            missing.append((reached, slot.first))
            found.append(slot)
            reached = slot.next
    missing.append((reached, position.next))
    gaps = [(first, after) for first, after in missing if first < after]
    return Unpublished(outputs_of(found), gaps)


def outputs_of(slots: Sequence[OutboxSlot]) -> list[RecordBatch]:
    """As they are to be published, in order."""
    return [batch for slot in slots for batch in unpack(slot.frames)]


def _offsets(first: int, after: int) -> str:
    return f"offsets {first} to {after - 1}"


def _records(outputs: Sequence[RecordBatch]) -> str:
    return f"{sum(batch.records for batch in outputs)} records"
