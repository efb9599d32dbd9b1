"""The store in memory, failing on demand at the points where a real server does."""

from __future__ import annotations

from collections import defaultdict, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

from consumer.storage.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from consumer.storage.history import Past, Seen
    from consumer.storage.protocols import BatchTransaction, BatchWrites, Move, OutboxSlot, Position
    from schemas.contract import Contract

FailPoint = Literal[
    "positions",
    "claim",
    "begin",
    "owned",
    "contracts",
    "seen",
    "past",
    "write",
    "commit",
    "committed",
    "outbox",
]
"""Where a fault strikes; `committed` is after the commit, when the answer gets lost."""


class FaultyStore(MemoryStore):
    """Overriding `strike` decides in another way what fails."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: defaultdict[FailPoint, deque[Exception | None]] = defaultdict(deque)

    def fail(self, point: FailPoint, *errors: Exception | None) -> None:
        """Schedules what the next passages of `point` raise; None lets one through."""
        self.faults[point].extend(errors)

    def strike(self, point: FailPoint) -> None:
        """Raises what was scheduled for this passage."""
        scheduled = self.faults[point]
        error = scheduled.popleft() if scheduled else None
        if error is not None:
            raise error

    async def positions(self, partitions: Collection[str]) -> dict[str, Position]:
        self.strike("positions")
        return await super().positions(partitions)

    async def claim(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        self.strike("claim")
        return await super().claim(partitions, owner)

    async def begin(self, position: Position, owner: str) -> None:
        self.strike("begin")
        await super().begin(position, owner)

    async def owned(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        self.strike("owned")
        return await super().owned(partitions, owner)

    async def outbox(self, partitions: Collection[str]) -> dict[str, list[OutboxSlot]]:
        self.strike("outbox")
        return await super().outbox(partitions)

    @asynccontextmanager
    async def transaction(self, owner: str, lane: int) -> AsyncIterator[BatchTransaction]:
        async with super().transaction(owner, lane) as batch:
            yield FaultyBatch(self, batch)
            self.strike("commit")
        try:
            self.strike("committed")
        except BaseException:
            # Until the next claim: what becomes of its transaction is unknown.
            self._lanes.free.discard((owner, lane))
            raise


class FaultyBatch:
    """A transaction that asks the store at every step whether it fails."""

    def __init__(self, store: FaultyStore, batch: BatchTransaction) -> None:
        self._store = store
        self._batch = batch

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        self._store.strike("contracts")
        return await self._batch.contracts(accounts)

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        self._store.strike("seen")
        return await self._batch.seen(identities)

    async def past(self, accounts: Collection[str]) -> Past:
        self._store.strike("past")
        return await self._batch.past(accounts)

    async def write(self, writes: BatchWrites, moves: Sequence[Move]) -> None:
        self._store.strike("write")
        await self._batch.write(writes, moves)
