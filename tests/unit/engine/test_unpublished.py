"""What an operator's decision finds stored and not published."""

import pytest

from consumer.kafka.journal_entries import Progress
from consumer.kafka.recordbatches import RecordBatch, pack
from consumer.operator.unpublished import Unpublished, unpublished
from consumer.storage.protocols import Origin, OutboxSlot, Position

POSITION = Position("t/0", Origin("c", "g", 1), next=30, generation=2)


def outputs(first: int) -> RecordBatch:
    return RecordBatch("events", 0, 3, bytes([first]))


def slot(first: int, after: int, generation: int = 2) -> OutboxSlot:
    return OutboxSlot(0, generation, first, after, pack([outputs(first)]))


def found(progress: int, *slots: OutboxSlot, generation: int = 2) -> Unpublished:
    return unpublished(POSITION, Progress(progress, generation, "w"), slots)


@pytest.mark.parametrize(
    ("slots", "stored", "missing"),
    [
        ([slot(10, 20), slot(20, 30)], [10, 20], []),
        ([slot(0, 10), slot(10, 30)], [10], []),
        ([slot(20, 30)], [20], [(10, 20)]),
        ([slot(10, 20)], [10], [(20, 30)]),
        ([slot(12, 15), slot(20, 25)], [12, 20], [(10, 12), (15, 20), (25, 30)]),
        ([slot(10, 30, generation=1)], [], [(10, 30)]),
        ([slot(10, 40)], [], [(10, 30)]),
        ([], [], [(10, 30)]),
    ],
)
def test_what_is_stored_can_be_published_and_the_rest_is_missing(slots, stored, missing):
    assert found(10, *slots) == Unpublished([outputs(first) for first in stored], missing)


@pytest.mark.parametrize(("progress", "generation"), [(30, 2), (40, 2), (0, 3)])
def test_nothing_is_unpublished(progress, generation):
    """A later generation in the journal: a decision was cut off once its outputs were published."""
    left = found(progress, slot(10, 30), generation=generation)
    assert not any(left)
    assert left.lines() == []


def test_nobody_can_tell():
    slots = [slot(0, 5, generation=1), slot(10, 20), slot(20, 30)]
    told = Unpublished(doubtful=slots[1:])
    assert unpublished(POSITION, None, slots) == found(10, *slots, generation=1) == told
    assert told.lines() == ["counted as published, although it is not known: 6 records of offsets 10 to 29"]


def test_what_is_told():
    one = found(10, slot(15, 20))
    assert one.given_up == "the outputs of offsets 10 to 14 and offsets 20 to 29 (at most 15 commands)"
    assert one.lines() == [
        "published outputs that were stored and not published yet: 3 records",
        f"lost {one.given_up}",
    ]
