"""Repeats a request: the pause between two tries, and what was refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiokafka.errors import KafkaError

_FIRST_PAUSE: Final = 0.003
"""Short, because a broker often refuses the first try while it still ends the previous transaction."""

_LONGEST_PAUSE: Final = 0.1


class Pause:
    """Between two tries, longer each time."""

    def __init__(self) -> None:
        self._seconds = _FIRST_PAUSE

    async def wait(self) -> None:
        """Waits; the next pause is longer."""
        await asyncio.sleep(self._seconds)
        self._seconds = min(2 * self._seconds, _LONGEST_PAUSE)


class Refusals:
    """What the brokers refused in the requests of one epoch."""

    def __init__(self) -> None:
        self.last: KafkaError | None = None
        """Why a try was repeated."""
        self.partitions: Collection[tuple[str, int]] = ()
        """Those with an error after which nothing is repeated."""
