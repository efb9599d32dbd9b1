"""The store in memory: the twin of `mongo.py` for tests and the test kit.

It keeps the same promises, and fails on demand at the points where a real server does.
"""

from __future__ import annotations

from collections import defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from consumer.errors import AheadOfPosition, Fenced, PoisonDocument
from consumer.storage.protocols import Seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from consumer.storage.protocols import (
        BatchTransaction,
        BatchWrites,
        ContractWrite,
        HistoryEntry,
        OutboxSlot,
        Position,
    )
    from schemas.contract import Contract

FailPoint = Literal["position", "claim", "contracts", "seen", "write", "commit", "committed", "outbox"]
"""Where a fault strikes; `committed` is after the commit, when the answer gets lost."""


class MemoryStore:
    """Everything a MongoStore keeps, in dicts."""

    def __init__(self) -> None:
        self.contracts: dict[str, Contract] = {}
        self.former: list[Contract] = []
        self.history: dict[bytes, HistoryEntry] = {}
        self.positions: dict[str, Position] = {}
        self.owners: dict[str, str] = {}
        self.slots: dict[tuple[str, int], OutboxSlot] = {}
        self.faults: defaultdict[FailPoint, deque[Exception | None]] = defaultdict(deque)

    def fail(self, point: FailPoint, *errors: Exception | None) -> None:
        """Schedules what the next passages of `point` raise; None lets one through."""
        self.faults[point].extend(errors)

    def strike(self, point: FailPoint) -> None:
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
        self.owners[partition] = owner
        return self.positions.get(partition)

    @asynccontextmanager
    async def transaction(
        self,
        partition: str,  # noqa: ARG002 - the position in `write` names it
        *,
        owner: str,
        expected: int,
    ) -> AsyncIterator[BatchTransaction]:
        batch = _MemoryBatch(self, owner, expected)
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

    async def outbox(self, partition: str) -> list[OutboxSlot]:
        self.strike("outbox")
        mine = [slot for (owner, _), slot in self.slots.items() if owner == partition]
        return sorted(mine, key=lambda slot: slot.first)


class _MemoryBatch:
    def __init__(self, store: MemoryStore, owner: str, expected: int) -> None:
        self._store = store
        self._owner = owner
        self._expected = expected
        self._pending: tuple[BatchWrites, Position] | None = None

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        self._store.strike("contracts")
        stored = self._store.contracts
        return {account: stored[account] for account in accounts if account in stored}

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        self._store.strike("seen")
        history = self._store.history
        return {
            identity: Seen(entry.outcome, entry.code, entry.contract_id, entry.version)
            for identity in identities
            if (entry := history.get(identity)) is not None
        }

    async def write(self, writes: BatchWrites, position: Position) -> None:
        self._store.strike("write")
        self._check(writes, position)
        self._pending = (writes, position)

    def _check(self, writes: BatchWrites, position: Position) -> None:
        store = self._store
        stored = store.positions.get(position.partition)
        if (
            store.owners.get(position.partition) != self._owner
            or stored is None
            or stored.next != self._expected
        ):
            raise Fenced(f"{position.partition} is not at {self._expected} under this owner any more")
        if any(entry.identity in store.history for entry in writes.history):
            raise AheadOfPosition("a history entry is there already")
        taken = {c["contract_id"]: account for account, c in store.contracts.items()}
        for write in writes.contracts:
            if write.after and taken.get(write.after["contract_id"], write.account_id) != write.account_id:
                raise PoisonDocument(f"contract_id {write.after['contract_id']} is taken")

    def commit(self) -> None:
        if self._pending is None:
            return
        writes, position = self._pending
        store = self._store
        for write in writes.contracts:
            self._apply(write)
        store.former.extend(writes.former)
        store.history.update((entry.identity, replace(entry)) for entry in writes.history)
        store.positions[position.partition] = position
        if writes.outbox is not None:
            store.slots[position.partition, writes.outbox.number] = writes.outbox

    def _apply(self, write: ContractWrite) -> None:
        if write.after is None:
            self._store.contracts.pop(write.account_id, None)
        else:
            self._store.contracts[write.account_id] = write.after
