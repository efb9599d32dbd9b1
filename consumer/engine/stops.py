"""Stores why partitions are stopped: `contracts positions` shows it to operators."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from consumer.errors import PositionError, StoreError
from consumer.storage.protocols import Stop

if TYPE_CHECKING:
    from consumer.engine.partition import Partition
    from consumer.storage.protocols import Store

log = structlog.get_logger()


class Stops:
    """The reasons of one worker's stopped partitions. What MongoDB does not take is stored later."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left: dict[int, tuple[Partition, str]] = {}

    async def note(self, partition: Partition, owner: str) -> None:
        """Stores why this partition is stopped, if `owner` owns it."""
        self._left[partition.number] = partition, owner
        try:
            await self._note()
        except StoreError as error:
            log.warning("reason of the stop not stored yet", partition=partition.number, error=str(error))

    async def note_again(self) -> None:
        """Stores the reasons that MongoDB has not taken yet, if it answers now."""
        with suppress(StoreError):
            await self._note()

    async def _note(self) -> None:
        for number, (partition, owner) in list(self._left.items()):
            error = partition.error
            decision = error.decision if isinstance(error, PositionError) else None
            await self._store.note_stop(partition.position.partition, owner, Stop(str(error), decision))
            self._left.pop(number, None)
