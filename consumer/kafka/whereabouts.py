"""Whom to ask for which partitions of a topic, as the leaders' answers tell."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from consumer.errors import BrokerUnavailable, OutOfLog
from consumer.kafka.answers import Answer, Fetched
from consumer.kafka.leaders import NO_LEADER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from consumer.kafka.leaders import Leaders

MISSING_SECONDS: Final = 5.0
"""A topic that is being created is not known to all brokers at once, and an election takes a moment. Nor does
a broker always find at once what it keeps in a remote storage."""


class Whereabouts:
    """Where the partitions of one topic are read."""

    def __init__(self, leaders: Leaders) -> None:
        self._leaders = leaders
        self._answers = 0
        self._brought: dict[int, int] = {}
        """Which answer was the last that brought something of a partition."""
        self._elsewhere: set[int] = set()
        """Partitions whose leader has changed."""
        self._unknown: set[int] = set()
        """Partitions unknown to a leader: they may have been deleted, and created again with other records
        at the same offsets."""
        self._lost_since: dict[int, float] = {}
        self._withheld_since: dict[int, float] = {}

    def by_node(self, partitions: Collection[int]) -> dict[int, list[int]]:
        """Whom to ask for which partitions; those that brought nothing for longest come first.

        The broker fills its answer in order, and sends a batch that is larger than a partition's share only
        where nothing comes before it.
        """
        wanted = sorted(
            set(partitions) - self._elsewhere, key=lambda number: (self._brought.get(number, 0), number)
        )
        by_node = self._leaders.of(wanted)
        if elsewhere := self._elsewhere.intersection(partitions):
            by_node[NO_LEADER] = [*by_node.get(NO_LEADER, ()), *elsewhere]
        return by_node

    def take_note(self, answer: Answer, asked: Iterable[int]) -> None:
        """Of a leader that was asked for these partitions, in this order.

        A partition that was away is out of the log in it: it may be another now. One whose records were not
        sent for long is unavailable.
        """
        self._answers += 1
        now = monotonic()
        withheld = {*_withheld(answer, asked)}
        for number in answer.found.keys() - withheld:
            self._withheld_since.pop(number, None)
        for number in withheld:
            self._withheld_since.setdefault(number, now)
        self._brought |= dict.fromkeys(answer.brought(), self._answers)
        self._elsewhere |= set(answer.elsewhere)
        self._unknown |= set(answer.unknown)
        for number, one in answer.found.items():
            if isinstance(one, Fetched):
                self._lost_since.pop(number, None)
                if number in self._unknown:
                    self._unknown.remove(number)
                    topic = self._leaders.topic
                    answer.found[number] = OutOfLog(f"{topic}/{number} was away, and may be another")
                elif now - self._withheld_since.get(number, now) >= MISSING_SECONDS:
                    answer.found[number] = _not_sent(self._leaders.topic, number, one)

    def looked_for(self, partitions: Collection[int]) -> Answer:
        """The brokers were asked who leads these partitions: what keeps those away that are lost for long."""
        self._elsewhere.difference_update(partitions)
        self._unknown |= set(partitions) - self._leaders.known()
        now = monotonic()
        since = {number: self._lost_since.setdefault(number, now) for number in partitions}
        lost = [number for number in partitions if now - since[number] >= MISSING_SECONDS]
        return Answer({number: self._leaders.why_lost(number) for number in lost})


def _withheld(answer: Answer, asked: Iterable[int]) -> Iterator[int]:
    """The partitions that have records, of which the leader sent none although it had room for them.

    Until something is in its answer it sends a batch of any size.
    """
    for number in asked:
        one = answer.found.get(number)
        if isinstance(one, Fetched):
            if one.next > one.first:
                return
            if one.first < one.stable:
                yield number


def _not_sent(topic: str, number: int, fetched: Fetched) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"{topic}/{number}: the leader sends nothing from offset {fetched.first} on, and says that there are "
        f"records up to {fetched.stable}",
        hint="see that broker's log: a segment may be damaged, or its remote storage away; make another "
        "replica the leader",
    )
