"""Compares the outputs of the shadow with the published ones, record by record, in bounded memory.

The outputs of one input partition are in a topic in the order of its commands. So a record that arrives too
early shows which one is missing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from consumer.operator.differences import MISSING, Difference, difference
from consumer.storage.protocols import base_of
from schemas.topics import DEAD_LETTERS, STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SEQUENCE: Final = "ce_sequence"
DEAD_LETTER_OFFSET: Final = "dlq-offset"
DEAD_LETTER_PARTITION: Final = "dlq-partition"


class Lane(NamedTuple):
    """The outputs of one input partition in one topic."""

    topic: str
    partition: int


class _One(NamedTuple):
    """An output; `sequence` is comparable within its lane."""

    sequence: str
    record: Any


class OutputComparison:
    """Give it the outputs of both sides, each lane in its order.

    Args:
        prefix: of the topics' names.
        source: the input partition of a published record that is not a dead letter.
        cut: topics whose first records were deleted. For all others every output is expected.
        since: where the shadow begins in each partition; outputs of earlier commands are left out.
        generation: of the log.
    """

    def __init__(
        self,
        prefix: str,
        source: Callable[[Any], int],
        cut: frozenset[str],
        since: Mapping[int, int],
        generation: int = 1,
    ) -> None:
        self._prefix = prefix
        self._source = source
        self._cut = cut | {prefix + STATE}  # compacted: an earlier state of an account may be gone
        self._base = base_of(generation)
        self._since = {number: _padded(self._base + offset) for number, offset in since.items()}
        self._expected: defaultdict[Lane, deque[_One]] = defaultdict(deque)
        self._ahead: defaultdict[Lane, deque[_One]] = defaultdict(deque)
        self._reached: defaultdict[int, str] = defaultdict(str)
        self._begun: set[Lane] = set()
        self.compared = 0
        self.differences: list[Difference] = []

    @property
    def waiting(self) -> int:
        """Number of outputs that the other side has not reached yet."""
        return sum(map(len, self._expected.values()))

    @property
    def ahead(self) -> int:
        """Number of published records whose command is not applied yet."""
        return sum(map(len, self._ahead.values()))

    def would(self, partition: int, records: Sequence[Any], reached: int) -> None:
        """Takes the outputs of this program for an input partition up to an offset."""
        for record in records:
            lane = Lane(record.topic, partition)
            self._expected[lane].append(_One(self._sequence(record), record))
        self._reached[partition] = _padded(self._base + reached)
        for lane, ahead in self._ahead.items():
            while ahead and lane.partition == partition and ahead[0].sequence < self._reached[partition]:
                self._compare(lane, ahead.popleft())

    def published(self, record: Any) -> None:
        """Takes the next published record of a topic's partition."""
        one = _One(self._sequence(record), record)
        lane = Lane(record.topic, self._partition(record))
        if one.sequence < self._since.get(lane.partition, ""):
            return
        if self._ahead[lane] or one.sequence >= self._reached[lane.partition]:
            self._ahead[lane].append(one)
        else:
            self._compare(lane, one)

    def finish(self) -> None:
        """Ends the comparison: outputs that still wait were not published."""
        for lane, expected in self._expected.items():
            while expected:
                self._missing(lane, expected.popleft())

    def _compare(self, lane: Lane, made: _One) -> None:
        expected = self._expected[lane]
        while expected and expected[0].sequence < made.sequence:
            self._missing(lane, expected.popleft())
        self._begun.add(lane)
        would = expected.popleft() if expected and expected[0].sequence == made.sequence else None
        self.compared += 1
        if would is None:
            self._note(lane, made, (_content(made.record), MISSING))
        elif _raw(made.record) != _raw(would.record):
            self._note(lane, made, (_content(made.record), _content(would.record)))

    def _missing(self, lane: Lane, would: _One) -> None:
        if lane.topic in self._cut and (lane not in self._begun or lane.topic == self._prefix + STATE):
            return
        self._note(lane, would, (MISSING, _content(would.record)))

    def _note(self, lane: Lane, one: _One, pair: tuple[Any, Any]) -> None:
        sequence = int(one.sequence.partition(".")[0])
        identity = _text(dict(one.record.headers).get("ce_id"))
        if found := difference(lane.topic, identity, lane.partition, sequence, pair):
            self.differences.append(found)

    def _sequence(self, record: Any) -> str:
        headers = dict(record.headers)
        if record.topic == self._prefix + DEAD_LETTERS:
            return _padded(self._base + int(headers[DEAD_LETTER_OFFSET]))
        return _text(headers[SEQUENCE])

    def _partition(self, record: Any) -> int:
        if record.topic == self._prefix + DEAD_LETTERS:
            return int(dict(record.headers)[DEAD_LETTER_PARTITION])
        return self._source(record)


def _raw(record: Any) -> tuple[Any, ...]:
    return record.partition, record.key, record.value, tuple(record.headers)


def _content(record: Any) -> dict[str, Any]:
    return {
        "partition": record.partition,
        "key": _text(record.key),
        "headers": {name: _text(value) for name, value in record.headers},
        "value": _value(record.value),
    }


def _value(value: bytes | None) -> Mapping[str, Any] | str:
    """A JSON value as its fields, so that a difference has a path, and its bytes."""
    try:
        parsed = orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return _text(value)
    return {"json": parsed, "bytes": _text(value)}


def _text(value: bytes | None) -> str:
    return MISSING if value is None else value.decode("utf-8", "backslashreplace")


def _padded(sequence: int) -> str:
    return f"{sequence:019d}"
