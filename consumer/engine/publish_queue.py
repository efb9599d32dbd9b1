"""The queue of what a worker has stored and not published yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.engine.limits import UNPUBLISHED_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.engine.storing import Stored


class PublishQueue:
    """Stored batches, in order."""

    def __init__(self) -> None:
        self.waiting: list[Stored] = []
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether no batch may begin until some are published."""
        return self._bytes >= UNPUBLISHED_BYTES

    def add(self, stored: Sequence[Stored]) -> None:
        """These are stored."""
        self.waiting += stored
        self._bytes += sum(one.bytes for one in stored)

    def take(self) -> Sequence[Stored]:
        """All that wait, to be published now."""
        taken, self.waiting = self.waiting, []
        return taken

    def published(self, stored: Sequence[Stored]) -> None:
        """These were taken, and are published."""
        self._bytes -= sum(one.bytes for one in stored)
