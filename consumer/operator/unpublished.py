"""The outputs that are stored and not published when an operator makes a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.kafka.recordbatches import unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.kafka.journal_entries import Progress
    from consumer.kafka.recordbatches import RecordBatch
    from consumer.storage.protocols import OutboxSlot, Position


class Unpublished(NamedTuple):
    """The outputs of a partition that are not known to be published.

    `outputs` are stored, and can be published. `missing`: the offsets [first, after) whose outputs are no
    longer stored. `doubtful`: stored outputs, if the journal has no progress.
    """

    outputs: Sequence[RecordBatch] = ()
    missing: Sequence[tuple[int, int]] = ()
    doubtful: Sequence[OutboxSlot] = ()

    @property
    def given_up(self) -> str:
        """The commands whose outputs are lost if the partition continues; empty: none."""
        ranges = " and ".join(_offsets(*one) for one in self.missing)
        most = sum(after - first for first, after in self.missing)
        return f"the outputs of {ranges} (at most {most} commands)" if ranges else ""

    def lines(self) -> list[str]:
        """Lines for the operator, after the decision is carried out."""
        lines = []
        if self.outputs:
            lines.append(
                f"published outputs that were stored and not published yet: {_records(self.outputs)}"
            )
        if self.missing:
            lines.append(f"lost {self.given_up}")
        if self.doubtful:
            offsets = _offsets(self.doubtful[0].first, self.doubtful[-1].next)
            outputs = _records(outputs_of(self.doubtful))
            lines.append(f"counted as published, although it is not known: {outputs} of {offsets}")
        return lines


NOTHING: Final = Unpublished()


def unpublished(position: Position, progress: Progress | None, slots: Sequence[OutboxSlot]) -> Unpublished:
    """The slots (by first offset) that are not published. Position and progress must not change meanwhile."""
    own = [slot for slot in slots if slot.generation == position.generation]
    if progress is None or progress.generation < position.generation:
        return Unpublished(doubtful=own)
    if progress.generation > position.generation:
        # An earlier decision was interrupted before it changed the database: it has published all outputs.
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
    """The record batches of these slots, in order of publication."""
    return [batch for slot in slots for batch in unpack(slot.frames)]


def _offsets(first: int, after: int) -> str:
    return f"offsets {first} to {after - 1}"


def _records(outputs: Sequence[RecordBatch]) -> str:
    return f"{sum(batch.records for batch in outputs)} records"
