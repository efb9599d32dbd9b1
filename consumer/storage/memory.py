"""The store in memory, with the same behaviour as `mongo.py` for tests and the test kit.

It keeps the same promises. Documents are kept as the BSON that MongoDB would get, so that what cannot be
stored there cannot be stored here. One of it stands for the whole database, whichever owner asks.
"""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from consumer.errors import Fenced, OutcomeUnknown, StoreUnavailable
from consumer.storage.documents import contract_from
from consumer.storage.memory_batch import Contents, MemoryBatch, decoded
from consumer.storage.protocols import SESSIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from consumer.storage.memory_batch import Key, Stored
    from consumer.storage.protocols import BatchTransaction, HistoryEntry, Move, OutboxSlot, Position, Stop
    from schemas.contract import Contract


class MemoryStore:
    """Everything a MongoStore keeps, in dicts."""

    def __init__(self) -> None:
        self.positions_by_name: dict[str, Position] = {}
        self.owners: dict[str, str | None] = {}
        self.slots: dict[tuple[str, int], OutboxSlot] = {}
        self.noted: dict[str, Stop] = {}
        self.current: dict[str, Stored] = {}
        """The current contracts, by account."""
        self.former_documents: list[bytes] = []
        self.history: dict[bytes, HistoryEntry] = {}
        """By identity, the oldest first."""
        self._free_lanes: set[tuple[str, int]] = set()
        """Of each owner: where a transaction may begin."""
        self._open: list[MemoryBatch] = []

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
        self._free_lanes |= {(owner, lane) for lane in range(SESSIONS)}
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
        """Makes it their owner, and ends all that their owners have open, of whichever partition."""
        former = {self.owners.get(name) for name in partitions}
        for batch in self._open:
            batch.ended |= batch.owner in former
        self.owners |= dict.fromkeys(partitions, owner)

    async def begin(self, position: Position, owner: str) -> None:
        if position.partition in self.positions_by_name:
            raise Fenced(f"another owner has begun {position.partition}")
        self.positions_by_name[position.partition] = position
        self.owners[position.partition] = owner

    async def owned(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        found = {n: self.positions_by_name[n] for n in partitions if n in self.positions_by_name}
        for name in found:
            if self.owners.get(name) != owner:
                raise Fenced(f"{name} has another owner by now")
        return found

    @asynccontextmanager
    async def transaction(self, owner: str, lane: int) -> AsyncIterator[BatchTransaction]:
        if (owner, lane) not in self._free_lanes:
            raise Fenced("nothing was claimed after the last failure")
        self._free_lanes.remove((owner, lane))
        batch = MemoryBatch(owner, self._contents(), partial(self._check_moves, owner), self._conflicts)
        self._open.append(batch)
        try:
            yield batch
            self._commit(batch)
        except (StoreUnavailable, OutcomeUnknown, CancelledError):
            raise  # and the lane is not free before the next claim
        except BaseException:
            self._free_lanes.add((owner, lane))
            raise
        else:
            self._free_lanes.add((owner, lane))
        finally:
            self._open.remove(batch)

    def _contents(self) -> Contents:
        return Contents(self.current, self.former_documents, self.history)

    def _check_moves(self, owner: str, moves: Sequence[Move]) -> None:
        for before, position, _ in moves:
            stored = self.positions_by_name.get(position.partition)
            if self.owners.get(position.partition) != owner or stored is None or stored.next != before:
                raise Fenced(f"{position.partition} is not at {before} under this owner any more")

    def _conflicts(self, batch: MemoryBatch, keys: frozenset[Key]) -> bool:
        return any(keys & other.keys for other in self._open if other is not batch and not other.ended)

    def _commit(self, batch: MemoryBatch) -> None:
        others = [other for other in self._open if other is not batch]
        if others:
            # They go on seeing what was stored when they began.
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
        counts = [
            position.origin.partitions
            for position in self.positions_by_name.values()
            if position.partition.startswith(f"{topic}/")
        ]
        return counts[0] if counts else None

    async def replace_position(self, position: Position) -> None:
        self._take([position.partition], None)
        self.noted.pop(position.partition, None)
        self.positions_by_name[position.partition] = position

    async def keep_outbox(self, partition: str, generations: tuple[int, int]) -> None:
        before, after = generations
        self._take([partition], None)
        for place, slot in self.slots.items():
            if place[0] == partition and slot.generation == before:
                self.slots[place] = slot._replace(generation=after)

    async def adopt_outbox(self, partition: str) -> None:
        """Version 0.1 stored nothing in memory."""

    async def outbox(self, partitions: Collection[str]) -> dict[str, list[OutboxSlot]]:
        found: dict[str, list[OutboxSlot]] = {name: [] for name in partitions}
        for (name, _), slot in self.slots.items():
            if name in found:
                found[name].append(slot)
        return {name: sorted(slots, key=lambda slot: slot.first) for name, slots in found.items()}
