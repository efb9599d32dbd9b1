"""An owner of partitions, with as much of the engine as a store's test needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from consumer.errors import WriteConflict
from consumer.storage.protocols import Move
from tests.contract.storage.samples import FIRST, PARTITION, at, writes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.storage.history import Past
    from consumer.storage.protocols import BatchWrites, OutboxSlot, Position, Store

CONFLICT_TRIES = 20


class Owner:
    """Claims partitions, and commits batches of one record each; those with one lane use the first."""

    def __init__(self, store: Store, name: str = "me", partition: str = PARTITION) -> None:
        self.store = store
        self.name = name
        self.partition = partition
        self.positions: dict[str, Position] = {}

    @property
    def position(self) -> Position:
        """Of the partition that is meant where none is named."""
        return self.positions[self.partition]

    async def claim(self, *initial: Position) -> Self:
        """Takes the partitions over, beginning those that have no position."""
        first = initial or (replace(FIRST, partition=self.partition),)
        found = await self.store.claim([position.partition for position in first], self.name)
        for position in first:
            if position.partition not in found:
                await self.store.begin(position, self.name)
        self.positions |= {position.partition: position for position in first} | found
        return self

    def transaction(self, lane: int = 0) -> Any:
        return self.store.transaction(self.name, lane)

    def move(self, to: Position | None = None, outbox: OutboxSlot | None = None) -> Move:
        """From where the owner believes the partition to be."""
        to = to or at(self.position.next + 1, partition=self.partition)
        return Move(self.positions[to.partition].next, to, outbox)

    async def commit(
        self,
        batch: BatchWrites | None = None,
        position: Position | None = None,
        *,
        outbox: OutboxSlot | None = None,
        lane: int = 0,
    ) -> Position:
        """One batch of one partition."""
        move = self.move(position, outbox)
        await self.commit_all(batch or writes(), [move], lane)
        return move.position

    async def commit_all(self, batch: BatchWrites, moves: Sequence[Move], lane: int = 0) -> None:
        """One batch; a passing conflict is tried again, as the engine does."""
        for tries_left in reversed(range(CONFLICT_TRIES)):
            try:
                async with self.transaction(lane) as transaction:
                    await transaction.write(batch, moves)
            except WriteConflict:
                if not tries_left:
                    raise
            else:
                break
        self.positions |= {move.position.partition: move.position for move in moves}

    async def contracts(self, *accounts: str) -> dict[str, Any]:
        async with self.transaction() as transaction:
            return await transaction.contracts(accounts)

    async def past(self, *accounts: str) -> Past:
        async with self.transaction() as transaction:
            return await transaction.past(accounts)

    async def seen(self, *identities: bytes) -> dict[bytes, Any]:
        async with self.transaction() as transaction:
            return await transaction.seen(identities)

    async def stored(self, partition: str | None = None) -> Position | None:
        """Where the partition stands in the store, whoever owns it."""
        name = partition or self.partition
        return (await self.store.positions([name])).get(name)

    async def outbox(self, partition: str | None = None) -> list[OutboxSlot]:
        """The slots of the partition in the store."""
        name = partition or self.partition
        return (await self.store.outbox([name]))[name]
