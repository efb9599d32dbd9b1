"""Tries of a request that may be repeated: the pause between two, and why the last one was not the last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiokafka.errors import KafkaError

_FIRST_PAUSE: Final = 0.003
"""Short, for a broker often refuses the first try while it still ends the transaction before."""

_LONGEST_PAUSE: Final = 0.1


class Pause:
    """Between two tries, longer each time."""

    def __init__(self) -> None:
        self._seconds = _FIRST_PAUSE

    async def wait(self) -> None:
        """Waits, and will wait longer the next time."""
        await asyncio.sleep(self._seconds)
        self._seconds = min(2 * self._seconds, _LONGEST_PAUSE)


class Refusals:
    """What the brokers answered to tries that were repeated."""

    def __init__(self) -> None:
        self.last: KafkaError | None = None
