"""Compares the outputs of the shadow with the published ones, record by record, in bounded memory.

The outputs of one input partition are in a topic in the order of its commands. So a record that arrives too
early shows which one is missing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.operator.differences import MISSING, difference
from consumer.operator.shadow_records import Causes, ForeignRecords, Lane, content, padded, raw, text
from consumer.operator.shadow_states import States
from consumer.storage.protocols import split_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from consumer.operator.differences import Found
    from consumer.operator.shadow_records import Span


class _One(NamedTuple):
    """An output; `sequence` is comparable within its lane."""

    sequence: str
    record: Any


class Doubt(NamedTuple):
    """An expected output that was not among the published ones after offset `after`."""

    lane: Lane
    after: int
    would: _One


class OutputComparison:
    """Give it the outputs of both sides, each lane in its order.

    Forwarded commands are left out: an entry of the history says that they were forwarded, and they are in
    the log of their home.

    Args:
        prefix: of the topics' names.
        source: the input partition of a published record that is not a dead letter.
        found: takes the differences.
    """

    def __init__(self, prefix: str, source: Callable[[Any], int], found: Found) -> None:
        self._causes = Causes(prefix, source)
        self._found = found
        self._spans: Mapping[int, Span] = {}
        self._expected: defaultdict[Lane, deque[_One]] = defaultdict(deque)
        self._ahead: defaultdict[Lane, deque[_One]] = defaultdict(deque)
        self._reached: defaultdict[int, str] = defaultdict(str)
        self._read: defaultdict[Lane, int] = defaultdict(lambda: -1)
        self._states = States()
        self.compared = 0
        self.doubts: list[Doubt] = []
        """Outputs that were not published, or were deleted since: see `resolve_doubts`."""
        self.deleted: dict[Lane, int] = {}
        """The offset of the command from which on outputs were compared, where earlier ones were deleted."""
        self.foreign = ForeignRecords()

    def begin(self, spans: Mapping[int, Span]) -> None:
        """Tells what is compared, before everything else."""
        self._spans = spans

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
        span = self._spans[partition]
        for record in records:
            if record.topic != self._causes.commands:
                lane = Lane(record.topic, partition)
                self._expected[lane].append(_One(self._causes.sequence(record, span), record))
        self._reached[partition] = padded(span.base + reached)
        for lane, ahead in self._ahead.items():
            while ahead and lane.partition == partition and ahead[0].sequence < self._reached[partition]:
                self._compare(lane, ahead.popleft())

    def published(self, record: Any) -> None:
        """Takes the next published record of a topic's partition."""
        lane = self._causes.lane(record)
        if lane is None or lane.partition not in self._spans:
            self.foreign.add(record)
            return
        span = self._spans[lane.partition]
        one = _One(self._causes.sequence(record, span), record)
        if self._causes.is_earlier(record, one.sequence, span):
            return
        if one.sequence >= padded(span.base + span.until):  # of commands that were applied since
            if lane.topic == self._causes.state:
                self._states.later(lane, record.key)
        elif self._ahead[lane] or one.sequence >= self._reached[lane.partition]:
            self._ahead[lane].append(one)
        else:
            self._compare(lane, one)

    def finish(self) -> None:
        """Nothing more was published: what was expected up to now is missing."""
        for lane, expected in self._expected.items():
            while expected:
                self._missing(lane, expected.popleft())

    def missing_states(self) -> Iterator[Doubt]:
        """Once both sides are complete: the last states of keys that were not published."""
        for lane, sequence, record in self._states.missing():
            yield Doubt(lane, -1, _One(sequence, record))

    def resolve_doubts(self, starts: Mapping[tuple[str, int], int]) -> None:
        """Tells what was deleted since from what was never published.

        `starts`: where the published partitions begin now.
        """
        for lane, after, would in self.doubts:
            if starts.get((would.record.topic, would.record.partition), 0) > after + 1:
                _, offset = split_sequence(_number(would))
                self.deleted[lane] = max(self.deleted.get(lane, 0), offset + 1)
            else:
                self._note(lane, would, (MISSING, content(would.record)))
        self.doubts.clear()

    def _compare(self, lane: Lane, made: _One) -> None:
        expected = self._expected[lane]
        while expected and expected[0].sequence < made.sequence:
            self._missing(lane, expected.popleft())
        self._read[lane] = made.record.offset
        if lane.topic == self._causes.state:
            self._states.newer(lane, made.record.key)
        would = expected.popleft() if expected and expected[0].sequence == made.sequence else None
        self.compared += 1
        if would is None:
            self._note(lane, made, (content(made.record), MISSING))
        elif raw(made.record) != raw(would.record):
            self._note(lane, made, (content(made.record), content(would.record)))

    def _missing(self, lane: Lane, would: _One) -> None:
        if lane.topic == self._causes.state:
            self._states.not_there(lane, would.sequence, would.record)
        else:
            self.doubts.append(Doubt(lane, self._read[lane], would))

    def _note(self, lane: Lane, one: _One, pair: tuple[Any, Any]) -> None:
        identity = text(dict(one.record.headers).get("ce_id"))
        if found := difference(lane.topic, identity, lane.partition, _number(one), pair):
            self._found.add(found)


def _number(one: _One) -> int:
    return int(one.sequence.partition(".")[0])
