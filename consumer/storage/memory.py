"""The store in memory: the twin of `mongo.py` for tests and the test kit.

It keeps the same promises, and fails on demand at the points where a real server does. Documents are
kept as the BSON that MongoDB would get, so that what cannot be stored there cannot be stored here.
"""

from __future__ import annotations

from collections import defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import bson
from bson import ObjectId

from consumer.errors import AheadOfPosition, ContractIdTaken, Fenced, PoisonDocument
from consumer.storage.documents import CODEC, contract_document, contract_from, history_document
from consumer.storage.mongo_errors import translated
from consumer.storage.protocols import Past, Seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from consumer.storage.protocols import (
        BatchTransaction,
        BatchWrites,
        ContractWrite,
        HistoryEntry,
        OutboxSlot,
        Position,
    )
    from schemas.contract import Contract

MAX_DOCUMENT_BYTES = 16 << 20

FailPoint = Literal[
    "position", "claim", "contracts", "seen", "holders", "past", "write", "commit", "committed", "outbox"
]
"""Where a fault strikes; `committed` is after the commit, when the answer gets lost."""


class Stored(NamedTuple):
    """A contract's document, and its keys."""

    object_id: bytes
    contract_id: str
    document: bytes


class MemoryStore:
    """Everything a MongoStore keeps, in dicts."""

    def __init__(self) -> None:
        self.positions: dict[str, Position] = {}
        self.owners: dict[str, str] = {}
        self.slots: dict[tuple[str, int], OutboxSlot] = {}
        self.faults: defaultdict[FailPoint, deque[Exception | None]] = defaultdict(deque)
        self.current: dict[str, Stored] = {}
        """The current contracts, by account."""
        self.former_documents: list[bytes] = []
        self.history: dict[bytes, HistoryEntry] = {}
        """By identity, the oldest first."""

    @property
    def contracts(self) -> dict[str, Contract]:
        """The current contracts, by account."""
        return {account: contract_from(_decoded(stored.document)) for account, stored in self.current.items()}

    @property
    def former(self) -> list[Contract]:
        """The replaced and deleted contracts, the oldest first."""
        return [contract_from(_decoded(document)) for document in self.former_documents]

    def fail(self, point: FailPoint, *errors: Exception | None) -> None:
        """Schedules what the next passages of `point` raise; None lets one through."""
        self.faults[point].extend(errors)

    def strike(self, point: FailPoint) -> None:
        """Raises what was scheduled for this passage."""
        scheduled = self.faults[point]
        error = scheduled.popleft() if scheduled else None
        if error is not None:
            raise error

    async def position(self, partition: str) -> Position | None:
        self.strike("position")
        return self.positions.get(partition)

    async def claim(self, partition: str, owner: str, initial: Position | None) -> Position | None:
        self.strike("claim")
        if initial is not None:
            self.positions.setdefault(partition, initial)
        if partition in self.positions:
            self.owners[partition] = owner
        return self.positions.get(partition)

    @asynccontextmanager
    async def transaction(
        self, partition: str, *, owner: str, expected: int
    ) -> AsyncIterator[BatchTransaction]:
        batch = _MemoryBatch(self, partition, owner, expected)
        yield batch
        self.strike("commit")
        batch.commit()
        self.strike("committed")

    async def partition_count(self, topic: str) -> int | None:
        counts = [p.origin.partitions for p in self.positions.values() if p.partition.startswith(f"{topic}/")]
        return counts[0] if counts else None

    async def replace_position(self, position: Position) -> None:
        self.positions[position.partition] = position
        self.owners.pop(position.partition, None)

    async def keep_outbox(self, partition: str, generations: tuple[int, int]) -> None:
        before, after = generations
        for place, slot in self.slots.items():
            if place[0] == partition and slot.generation == before:
                self.slots[place] = slot._replace(generation=after)

    async def outbox(self, partition: str) -> list[OutboxSlot]:
        self.strike("outbox")
        mine = [slot for (owner, _), slot in self.slots.items() if owner == partition]
        return sorted(mine, key=lambda slot: slot.first)


class _MemoryBatch:
    def __init__(self, store: MemoryStore, partition: str, owner: str, expected: int) -> None:
        self._store = store
        self._partition = partition
        self._owner = owner
        self._expected = expected
        self._pending: tuple[_Documents, BatchWrites, Position] | None = None
        self._contracts = dict(store.current)
        self._history = dict(store.history)
        self._former = [*store.former_documents]

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        self._store.strike("contracts")
        stored = self._contracts
        return {
            account: contract_from(_decoded(stored[account].document))
            for account in accounts
            if account in stored
        }

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        self._store.strike("seen")
        stored = self._history
        return {
            identity: Seen(*(getattr(entry, name) for name in Seen._fields))
            for identity in identities
            if (entry := stored.get(identity)) is not None
        }

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        self._store.strike("holders")
        former = {one["contract_id"]: one["account_id"] for one in map(_decoded, self._former)}
        current = {stored.contract_id: account for account, stored in self._contracts.items()}
        return {name: account for name, account in (former | current).items() if name in contract_ids}

    async def past(self, accounts: Collection[str]) -> Past:
        self._store.strike("past")
        history = [replace(entry) for entry in self._history.values() if entry.account_id in accounts]
        return Past(history, [former for former in self._store.former if former["account_id"] in accounts])

    async def write(self, writes: BatchWrites, position: Position) -> None:
        self._store.strike("write")
        self._check_owner()
        with translated():
            documents = _Documents(writes)
        self._check(documents, writes)
        self._pending = (documents, writes, position)

    def _check_owner(self) -> None:
        store, partition = self._store, self._partition
        stored = store.positions.get(partition)
        if store.owners.get(partition) != self._owner or stored is None or stored.next != self._expected:
            raise Fenced(f"{partition} is not at {self._expected} under this owner any more")

    def _check(self, documents: _Documents, writes: BatchWrites) -> None:
        for account, before, _ in writes.contracts:
            there = self._contracts.pop(account, None)
            if (before and before["_id"]) != (there and there.object_id):
                raise (Fenced if before else AheadOfPosition)(f"another contract is there for {account}")
        changed = [stored for stored in documents.contracts.values() if stored is not None]
        ids = [stored.contract_id for stored in (*self._contracts.values(), *changed)]
        if len(set(ids)) != len(ids):
            raise ContractIdTaken("there is another document with the same contract_id")
        known = self._history.keys()
        if len(documents.history) != len(writes.history) or not known.isdisjoint(documents.history):
            raise AheadOfPosition("there is another document with the same _id")

        former = {_decoded(document)["_id"] for document in self._store.former_documents}
        if documents.rewritten.keys() - known or documents.rewritten_former.keys() - former:
            raise Fenced("what is to be erased was removed meanwhile")

    def commit(self) -> None:
        if self._pending is None:
            return
        self._check_owner()
        documents, writes, position = self._pending
        store = self._store
        for account, stored in documents.contracts.items():
            if stored is None:
                store.current.pop(account, None)
            else:
                store.current[account] = stored
        former = store.former_documents
        if rewritten := documents.rewritten_former:
            former[:] = [rewritten.get(_decoded(each)["_id"], each) for each in former]
        former += documents.former
        store.history |= documents.rewritten | documents.history
        store.positions[self._partition] = position
        if writes.outbox is not None:
            store.slots[self._partition, writes.outbox.number] = writes.outbox


class _Documents:
    """A batch as BSON."""

    def __init__(self, writes: BatchWrites) -> None:
        self.contracts = {write.account_id: _contract(write) for write in writes.contracts}
        self.former = [_encoded(contract_document(contract)) for contract in writes.former]
        self.history = {entry.identity: _entry(entry) for entry in writes.history}
        rewritten = writes.rewritten
        self.rewritten = {entry.identity: _entry(entry) for entry in rewritten.history}
        self.rewritten_former = {
            ObjectId(former["_id"]): _encoded(contract_document(former)) for former in rewritten.former
        }


def _contract(write: ContractWrite) -> Stored | None:
    after = write.after
    if after is None:
        return None
    return Stored(after["_id"], after["contract_id"], _encoded(contract_document(after)))


def _entry(entry: HistoryEntry) -> HistoryEntry:
    _encoded(history_document(entry))
    return replace(entry)


def _encoded(document: Mapping[str, Any]) -> bytes:
    encoded = bson.encode(document, codec_options=CODEC)
    if len(encoded) > MAX_DOCUMENT_BYTES:
        raise PoisonDocument(f"a document of {len(encoded)} bytes")
    return encoded


def _decoded(document: bytes) -> dict[str, Any]:
    return bson.decode(document, CODEC)
