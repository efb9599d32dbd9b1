"""An owner of a partition, with as much of the pipeline as a store's test needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from consumer.errors import WriteConflict
from tests.storage.samples import FIRST, PARTITION, at, writes

if TYPE_CHECKING:
    from consumer.storage.protocols import BatchWrites, Past, Position, Store

CONFLICT_TRIES = 20


class Owner:
    """Claims a partition, and commits batches of one record each."""

    def __init__(self, store: Store, name: str = "me", partition: str = PARTITION) -> None:
        self.store = store
        self.name = name
        self.partition = partition
        self.position: Position

    async def claim(self, initial: Position | None = FIRST) -> Self:
        position = await self.store.claim(self.partition, self.name, initial)
        assert position is not None
        self.position = position
        return self

    def transaction(self) -> Any:
        return self.store.transaction(self.partition, owner=self.name, expected=self.position.next)

    async def commit(self, batch: BatchWrites | None = None, position: Position | None = None) -> Position:
        """One batch; a passing conflict is tried again, as the pipeline does."""
        to = position or at(self.position.next + 1)
        for tries_left in reversed(range(CONFLICT_TRIES)):
            try:
                async with self.transaction() as transaction:
                    await transaction.write(batch or writes(), to)
            except WriteConflict:
                if not tries_left:
                    raise
            else:
                break
        self.position = to
        return to

    async def contracts(self, *accounts: str) -> dict[str, Any]:
        async with self.transaction() as transaction:
            return await transaction.contracts(accounts)

    async def past(self, *accounts: str) -> Past:
        async with self.transaction() as transaction:
            return await transaction.past(accounts)

    async def seen(self, *identities: bytes) -> dict[bytes, Any]:
        async with self.transaction() as transaction:
            return await transaction.seen(identities)
