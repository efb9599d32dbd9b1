"""Stops a partition in which too many records are no commands: their producer must be wrong."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from consumer.engine.records import Undecodable
from consumer.errors import DeadLetterLimit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.engine.limits import Limits
    from consumer.engine.records import Decoded


class RecentRecords:
    """Which of a partition's last applied records were dead letters."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._dead: deque[bool] = deque(maxlen=limits.dead_letter_window)

    def add(self, records: Iterable[Decoded]) -> None:
        """These are applied."""
        self._dead.extend(isinstance(decoded, Undecodable) for decoded in records)

    def check(self, topic_partition: tuple[str, int], records: Sequence[Decoded]) -> None:
        """Looks at what comes next, before it is applied.

        Raises:
            DeadLetterLimit: with these the dead letters become too many.
        """
        limits = self._limits
        if limits.dead_letter_limit_off or not any(isinstance(one, Undecodable) for one in records):
            return
        window, total = deque(self._dead, limits.dead_letter_window), sum(self._dead)
        for decoded in records:
            if len(window) == limits.dead_letter_window:
                total -= window[0]
            window.append(isinstance(decoded, Undecodable))
            total += window[-1]
            if total > limits.dead_letter_count and total > limits.dead_letter_share * len(window):
                raise DeadLetterLimit(*topic_partition, dead=total, window=len(window))
