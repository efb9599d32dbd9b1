"""The database of the world, and a process's connection to it."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from consumer.errors import (
    BatchTooLarge,
    OutcomeUnknown,
    PoisonDocument,
    StoreUnavailable,
    WriteConflict,
)
from consumer.storage.memory import MemoryStore
from consumer.storage.memory_batch import MemoryBatch
from tests.simulation.calls import READ, WRITE
from tests.unit.engine.oracle import is_poison

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Sequence

    from consumer.storage.history import Past, Seen
    from consumer.storage.protocols import BatchWrites, Move, OutboxSlot, Position, Stop
    from schemas.contract import Contract
    from tests.simulation.calls import Caller

T = TypeVar("T")

_TRANSACTION: Final = READ | {"conflict"}
_COMMIT: Final = WRITE | {"conflict"}
_MOST_BACKUPS: Final = 6
_RESTORE_SECONDS: Final = 0.1
"""Between two restores: longer than a request and its answer. A worker whose database became a later one and
then an earlier one between two of its reads would take it for torn."""


class Database(MemoryStore):
    """The state, and backups of it. Each restore begins another era; transactions do not live through it."""

    def __init__(self, partitions: int) -> None:
        super().__init__()
        self.era = 0
        self._restored_at = -_RESTORE_SECONDS
        self._partitions = partitions
        self._backups: list[tuple[Any, ...]] = []

    def open(self, owner: str, lane: int) -> MemoryBatch:
        """Begins a transaction."""
        batch = MemoryBatch(owner, self._contents(), partial(self._check_moves, owner), self._lanes.conflicts)
        self._lanes.begin(batch, lane)
        return batch

    def commit(self, batch: MemoryBatch) -> None:
        """Commits a transaction, perhaps long after its client has given it up."""
        if batch not in self._lanes.open:
            raise WriteConflict("there is no such transaction any more")
        self._lanes.open.remove(batch)
        self._commit(batch)

    def abort(self, batch: MemoryBatch) -> None:
        """Forgets a transaction, if it is still open."""
        if batch in self._lanes.open:
            self._lanes.open.remove(batch)

    def free(self, owner: str, lane: int) -> None:
        """The next transaction may begin in this lane."""
        self._lanes.free.add((owner, lane))

    def _parts(self) -> tuple[dict[Any, Any], ...]:
        return (
            self.positions_by_name,
            self.owners,
            self.slots,
            self.current,
            self.history,
            self.movements,
        )

    def back_up(self) -> None:
        """Keeps the state as it is; not before all partitions have begun: later they could not go on."""
        if len(self.positions_by_name) == self._partitions and len(self._backups) < _MOST_BACKUPS:
            self._backups.append((*map(dict, self._parts()), [*self.former_documents]))

    def restore(self, choose: Callable[[Sequence[Any]], Any]) -> None:
        """The state becomes another one, unless it has only just become one."""
        if not self._backups:
            return
        *parts, former = choose(self._backups)
        now = asyncio.get_running_loop().time()
        if now < self._restored_at + _RESTORE_SECONDS:
            return
        self._restored_at = now
        for there, then in zip(self._parts(), parts, strict=True):
            there.clear()
            there.update(then)
        self.former_documents[:] = former
        self._lanes.open.clear()
        self.era += 1


def done(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that never waits."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("the store in memory waits for nothing")


class SimulatedStore:
    """In the place of a MongoStore."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._database: Database = caller.world.database

    async def _call(self, point: str, effect: Callable[[], T], kinds: frozenset[str]) -> T:
        return await self._caller.call(point, effect, StoreUnavailable, kinds)

    async def positions(self, partitions: Collection[str]) -> dict[str, Position]:
        return await self._call("positions", lambda: done(self._database.positions(partitions)), READ)

    async def claim(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        return await self._call("claim", lambda: done(self._database.claim(partitions, owner)), WRITE)

    async def begin(self, position: Position, owner: str) -> None:
        await self._call("begin", lambda: done(self._database.begin(position, owner)), WRITE)

    async def owned(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        return await self._call("owned", lambda: done(self._database.owned(partitions, owner)), READ)

    async def outbox(self, partitions: Collection[str]) -> dict[str, list[OutboxSlot]]:
        return await self._call("outbox", lambda: done(self._database.outbox(partitions)), READ)

    async def note_stop(self, partition: str, owner: str, stop: Stop) -> None:
        await self._call("stop", lambda: done(self._database.note_stop(partition, owner, stop)), WRITE)

    async def partition_count(self, topic: str) -> int | None:
        return await self._call("count", lambda: done(self._database.partition_count(topic)), READ)

    def transaction(self, owner: str, lane: int) -> Any:
        return _Transaction(self._caller, self._database, owner, lane)


class _Transaction:
    """One batch. Where its end is in doubt, its lane stays closed."""

    def __init__(self, caller: Caller, database: Database, owner: str, lane: int) -> None:
        self._caller = caller
        self._database = database
        self._lane = owner, lane

    async def __aenter__(self) -> Self:
        self._era = self._database.era
        self._batch = self._database.open(*self._lane)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                await self._caller.call("commit", self._commit, OutcomeUnknown, _COMMIT, other=WriteConflict)
        except (StoreUnavailable, OutcomeUnknown, CancelledError):
            raise
        except Exception:
            self._close()
            raise
        if kind is None or not issubclass(kind, StoreUnavailable | CancelledError):
            self._close()
        elif not self._caller.dead:  # of a process that is gone it stays open until somebody ends it
            self._database.abort(self._batch)

    def _close(self) -> None:
        self._database.abort(self._batch)
        self._database.free(*self._lane)

    def _commit(self) -> None:
        self._check_era()
        self._database.commit(self._batch)
        if self._caller.world.chaos.chance(0.3):
            self._database.back_up()

    def _check_era(self) -> None:
        if self._era != self._database.era:
            raise StoreUnavailable("the database was restored meanwhile")

    async def _call(self, point: str, effect: Callable[[], T]) -> T:
        def checked() -> T:
            self._check_era()
            return effect()

        return await self._caller.call(point, checked, StoreUnavailable, _TRANSACTION, other=WriteConflict)

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        return await self._call("contracts", lambda: done(self._batch.contracts(accounts)))

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        return await self._batch.seen(identities)

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        return await self._batch.holders(contract_ids)

    async def past(self, accounts: Collection[str]) -> Past:
        return await self._call("past", lambda: done(self._batch.past(accounts)))

    async def write(self, writes: BatchWrites, moves: Sequence[Move]) -> None:
        await self._call("write", lambda: self._write(writes, moves))

    def _write(self, writes: BatchWrites, moves: Sequence[Move]) -> None:
        done(self._batch.write(writes, moves))
        if len(writes.history) > self._caller.world.chaos.sizes.bearable:
            raise BatchTooLarge("too much at once")
        if is_poison(writes.contracts, writes.former, writes.history):
            raise PoisonDocument("a document is refused")
