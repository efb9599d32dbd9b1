"""The store in memory, for tests and the test kit. It behaves like `mongo.py`.

It gives the same guarantees. Documents are kept as the BSON that MongoDB would get, so that a value that
cannot be stored there cannot be stored here. One MemoryStore is the whole database, for all owners.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from consumer.errors import Fenced
from consumer.storage.documents import contract_from
from consumer.storage.memory_batch import Contents, MemoryBatch, decoded
from consumer.storage.memory_lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from consumer.storage.history import HistoryEntry
    from consumer.storage.memory_batch import StoredContract
    from consumer.storage.movements import Bucket, Kind, Total
    from consumer.storage.protocols import BatchTransaction, Move, OutboxSlot, Position, Stop
    from schemas.contract import Contract


class MemoryStore:
    """Everything that a MongoStore stores, in dicts."""

    def __init__(self) -> None:
        self.positions_by_name: dict[str, Position] = {}
        self.owners: dict[str, str | None] = {}
        self.slots: dict[tuple[str, int], OutboxSlot] = {}
        self.noted: dict[str, Stop] = {}
        self.current: dict[str, StoredContract] = {}
        """The current contracts, by account."""
        self.former_documents: list[bytes] = []
        self.history: dict[bytes, HistoryEntry] = {}
        """By identity, the oldest first."""
        self.movements: dict[tuple[str, Bucket], dict[Kind, Total]] = {}  # by partition and bucket
        self._lanes = Lanes()

    @property
    def contracts(self) -> dict[str, Contract]:
        """The current contracts, by account."""
        return {account: contract_from(decoded(stored.document)) for account, stored in self.current.items()}

    @property
    def former(self) -> list[Contract]:
        """The replaced and deleted contracts, the oldest first."""
        return [contract_from(decoded(document)) for document in self.former_documents]

    async def positions(self, partitions: Collection[str]) -> dict[str, Position]:
        return {name: self.positions_by_name[name] for name in partitions if name in self.positions_by_name}

    async def claim(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        self._lanes.claim(owner)
        found = {n: self.positions_by_name[n] for n in partitions if n in self.positions_by_name}
        self._take(found, owner)
        for name in found:
            self.noted.pop(name, None)
        return found

    async def note_stop(self, partition: str, owner: str, stop: Stop) -> None:
        if self.owners.get(partition) == owner:
            self.noted[partition] = stop

    async def stops(self, partitions: Collection[str]) -> dict[str, Stop]:
        return {name: self.noted[name] for name in partitions if name in self.noted}

    async def disown(self, partitions: Collection[str]) -> None:
        self._take([name for name in partitions if name in self.positions_by_name], None)

    def _take(self, partitions: Collection[str], owner: str | None) -> None:
        """Makes `owner` the owner of the partitions, and ends open transactions of their earlier owners."""
        self._lanes.end({self.owners.get(name) for name in partitions})
        self.owners |= dict.fromkeys(partitions, owner)

    async def begin(self, position: Position, owner: str) -> None:
        if position.partition in self.positions_by_name:
            raise Fenced(f"another worker has become the owner of {position.partition}")
        self.positions_by_name[position.partition] = position
        self.owners[position.partition] = owner

    async def owned(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        found = {n: self.positions_by_name[n] for n in partitions if n in self.positions_by_name}
        for name in found:
            if self.owners.get(name) != owner:
                raise Fenced(f"{name} has another owner")
        return found

    @asynccontextmanager
    async def transaction(self, owner: str, lane: int) -> AsyncIterator[BatchTransaction]:
        batch = MemoryBatch(owner, self._contents(), partial(self._check_moves, owner), self._lanes.conflicts)
        with self._lanes.opened(batch, lane):
            yield batch
            self._commit(batch)

    def _contents(self) -> Contents:
        return Contents(self.current, self.former_documents, self.history, self.movements)

    def _check_moves(self, owner: str, moves: Sequence[Move]) -> None:
        for before, position, _ in moves:
            stored = self.positions_by_name.get(position.partition)
            if self.owners.get(position.partition) != owner or stored is None or stored.next != before:
                raise Fenced(f"{position.partition} is not at {before} under this owner any more")

    def _commit(self, batch: MemoryBatch) -> None:
        others = self._lanes.others(batch)
        if others:
            # Open transactions still see what was stored when they began.
            self.current, self.history = dict(self.current), dict(self.history)
            self.former_documents = [*self.former_documents]
        batch.apply(self._contents())
        for _, position, outbox in batch.moves:
            self.positions_by_name[position.partition] = position
            if outbox is not None:
                self.slots[position.partition, outbox.number] = outbox
        for other in others:
            other.overtaken |= batch.keys

    async def partition_count(self, topic: str) -> int | None:
        of_topic = (each for each in self.positions_by_name.values() if each.topic_partition[0] == topic)
        return next((position.origin.partitions for position in of_topic), None)

    async def replace_position(self, position: Position) -> None:
        self._take([position.partition], None)
        self.noted.pop(position.partition, None)
        self.positions_by_name[position.partition] = position

    async def keep_outbox(self, partition: str, generations: tuple[int, int]) -> None:
        before, after = generations
        self._take([partition], None)
        for key, slot in self.slots.items():
            if key[0] == partition and slot.generation == before:
                self.slots[key] = slot._replace(generation=after)

    async def adopt_outbox(self, partition: str) -> None:
        """Does nothing: version 0.1 stored nothing in memory."""

    async def outbox(self, partitions: Collection[str]) -> dict[str, list[OutboxSlot]]:
        found: dict[str, list[OutboxSlot]] = {name: [] for name in partitions}
        for (name, _), slot in self.slots.items():
            if name in found:
                found[name].append(slot)
        return {name: sorted(slots, key=lambda slot: slot.first) for name, slots in found.items()}
