"""How much of what a partition has stored is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.storage.protocols import OUTBOX_SLOTS

if TYPE_CHECKING:
    from consumer.storage.protocols import Position


class Publication:
    """The publication of one partition's outputs.

    Attributes:
        unpublished_batches: batches whose outputs are stored and not published.
        slot: slot of the outbox for the next outputs.
    """

    def __init__(self) -> None:
        self.unpublished_batches = 0
        self.slot = 0
        self._begins_at = 0

    def begin(self, at: int) -> None:
        """Starts again at this offset: outputs before it were published earlier."""
        self.unpublished_batches = 0
        self._begins_at = at

    @property
    def room(self) -> bool:
        """Whether the outbox has a free slot."""
        return self.unpublished_batches < OUTBOX_SLOTS

    def stored(self) -> None:
        """The outputs of one batch are stored."""
        self.slot = (self.slot + 1) % OUTBOX_SLOTS
        self.unpublished_batches += 1

    def replay_to(self, position: Position) -> int | None:
        """Where publishing begins, if the commands after this position were published before; else None.

        They are applied again because an older database was restored.
        """
        return self._begins_at if position.next < self._begins_at else None

    def committed(self, position: Position) -> int:
        """The offset up to which outputs are published, if no stored output waits for it."""
        return max(position.next, self._begins_at)
