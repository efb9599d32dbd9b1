"""How large the next batch of one partition may be, and whether it may be mixed with others'."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consumer.errors import ContractsError

FIRST_BATCH: Final = 250
"""Commands in the first batch after a takeover; each success doubles it up to the limit. A database that has
just come up, or whose empty collections are being filled, answers large batches so slowly that they could
time out again and again."""


class BatchSize:
    """Of one partition.

    Args:
        most: commands in a batch.
    """

    def __init__(self, most: int) -> None:
        self.commands = most
        """Commands in the next batch, at most."""
        self.refusal: ContractsError | None = None
        """Why MongoDB does not take the next command even alone, and it is tried again; None: it may."""
        self._again_at = 0.0
        self._most = most
        self._isolated = range(0)

    def begin(self) -> None:
        """A takeover. What was refused before, or was too slow, stays isolated."""
        self.stored()
        self.commands = min(self.commands, FIRST_BATCH)

    def alone_at(self, position: int) -> bool:
        """Whether the batch that begins there must not be mixed with others': something in it is refused."""
        return position in self._isolated

    def published(self, position: int) -> None:
        """A batch that ends there is stored and published: it was too large for neither."""
        if not self.alone_at(position):
            self.commands = min(2 * self.commands, self._most)

    def stored(self) -> None:
        """What MongoDB refused before is stored."""
        self.refusal = None
        self._again_at = 0.0

    def refused_alone(self, error: ContractsError, seconds: float) -> None:
        """The next command is tried again, in `seconds`."""
        self.refusal = error
        self._again_at = asyncio.get_running_loop().time() + seconds

    @property
    def waits(self) -> bool:
        """Whether the next command is not to be tried yet."""
        return self._again_at > 0 and asyncio.get_running_loop().time() < self._again_at

    def halve(self, records: int) -> None:
        """The next batch has at most half as many commands."""
        self.commands = max(1, records // 2)

    def isolate(self, first: int, up_to: int) -> None:
        """Something in [first, up_to) is refused or too slow: it is not mixed with others' commands."""
        before = self._isolated.stop if first in self._isolated else 0
        self._isolated = range(first, max(before, up_to))

    def found(self) -> None:
        """What was refused is found, and becomes a dead letter."""
        self._isolated = range(0)
        self.commands = self._most
