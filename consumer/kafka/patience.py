"""How long a transaction may take that cannot be smaller."""

from __future__ import annotations

from typing import Final

LONGEST_SECONDS: Final = 900.0
"""The longest transaction that brokers allow, unless their transaction.max.timeout.ms is changed. They end
longer ones."""


class Patience:
    """Of one publisher.

    Args:
        deadline: seconds that every transaction may take.
    """

    def __init__(self, deadline: float) -> None:
        self.seconds = deadline
        """What a patient transaction may take."""
        self._least = deadline
        self._most = max(deadline, LONGEST_SECONDS)

    def grow(self) -> None:
        """Twice as long as now, at most as long as the broker allows."""
        self.seconds = min(2 * self.seconds, self._most)

    def refused(self) -> bool:
        """The broker allows less. False: it does not even allow the deadline."""
        had_grown = self.seconds > self._least
        self.seconds = self._most = max(self._least, self.seconds / 2)
        return had_grown

    def end(self) -> None:
        """As long as every transaction."""
        self.seconds = self._least
