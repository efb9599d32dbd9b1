"""One partition's pipeline in a world that fails as planned: workers come and go until all is published."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from consumer.errors import BatchTooLarge, ContractsError, PoisonDocument, StoreUnavailable
from consumer.metrics import Metrics
from consumer.pipeline.applier import Applier, Limits
from consumer.pipeline.cache import OVERHEAD, CacheBudget, ContractCache
from consumer.pipeline.decoder import Decoder
from consumer.pipeline.encoder import Encoder
from consumer.pipeline.partition import PartitionLoop
from consumer.storage.memory import MemoryStore
from consumer.storage.protocols import Origin, Position
from tests.pipeline.chaos import CALM, Chaos, Plan
from tests.pipeline.kafka import FakePublisher, FakeReader, FakeResults, Kafka
from tests.pipeline.logs import PARTITIONS, TOPIC
from tests.pipeline.oracle import POLICY, by_topic, expected, is_poison

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from consumer.storage.protocols import BatchWrites

MOST_TURNS = 5_000
ORIGIN = Origin("cluster", "group", PARTITIONS)
PLACE = f"{TOPIC}/0"
METRICS = Metrics()


class Killed(asyncio.CancelledError):
    """The process is gone: none of its code goes on."""


class World:
    """The log, the brokers and the database; `run` puts workers to work, one after the other."""

    def __init__(self, log: list[Any], plan: Plan = CALM, limits: Limits | None = None, **kafka: Any) -> None:
        self.log = log
        self.plan = plan
        self.chaos = Chaos(plan)
        self.kafka = Kafka(log, **kafka)
        self.store = MemoryStore()
        self.limits = limits or Limits(batch_commands=plan.batch, dead_letter_limit_off=True)
        self.origin = ORIGIN
        self.era = 0
        self.workers: list[Worker] = []
        self._backups: list[tuple[Any, ...]] = []

    async def run(self) -> None:
        """Until everything is published, or the partition stands still with an error."""
        while not self.finished and self.error is None:
            worker = Worker(self, f"worker {len(self.workers)}")
            self.workers.append(worker)
            await asyncio.wait({worker.task, worker.overtaken}, return_when=asyncio.FIRST_COMPLETED)
            if worker.task.done() and not worker.task.cancelled():
                worker.task.result()
        # Those that were overtaken may still be at work, and be killed at it.
        for ended in await asyncio.gather(*(worker.task for worker in self.workers), return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    @property
    def finished(self) -> bool:
        """A database that is set back while nothing comes in is noticed with the next record or start."""
        return self.kafka.finished and self.position.next == self.kafka.committed

    @property
    def error(self) -> ContractsError | None:
        """Why the partition stands still."""
        return self.workers[-1].loop.error if self.workers else None

    @property
    def position(self) -> Position:
        return self.store.positions[PLACE]

    def back_up(self) -> None:
        state = self.store
        parts = (state.positions, state.owners, state.slots, state.current, state.history)
        self._backups.append((*map(dict, parts), [*state.former_documents]))

    def set_back(self, number: int) -> None:
        """An older state of the database; transactions do not live through it."""
        if not self._backups:
            return
        self._backups = self._backups[: max(1, len(self._backups) - number)]
        *parts, former = self._backups[-1]
        state = self.store
        present = (state.positions, state.owners, state.slots, state.current, state.history)
        for there, then in zip(present, parts, strict=True):
            there.clear()
            there.update(then)
        state.former_documents[:] = former
        self.era += 1

    def check(self) -> None:
        """Exactly the pure fold, and everything published exactly once and in order."""
        assert [worker.loop.error for worker in self.workers if worker.loop.error] == []
        wanted = expected(self.log)
        assert by_topic(self.kafka.published) == by_topic(wanted.outputs)
        assert self.store.contracts == wanted.contracts
        assert self.store.former == wanted.former
        assert self.store.history == wanted.history
        assert {label: count for label, count in self.position.tallies.items() if count} == {
            label: count for label, count in wanted.tallies.items() if count
        }
        assert self.position.next == self.kafka.committed
        assert all(after >= (before or 0) for before, after in self.kafka.transactions)


class Worker:
    """One process, from its assignment to its end."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.dead = False
        self.overtaken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reader = FakeReader(world.kafka, self)
        store = WorkerStore(world, self)
        applier = Applier(
            store,
            Encoder(0),
            owner=name,
            policy=POLICY,
            limits=world.limits,
            cache=ContractCache(CacheBudget(world.plan.batch * OVERHEAD)),
            compression="none",
            metrics=METRICS,
        )
        self.loop = PartitionLoop(
            reader=self.reader,  # type: ignore[arg-type]
            results=FakeResults(world.kafka, self),  # type: ignore[arg-type]
            store=store,
            publisher=FakePublisher(world.kafka, self),  # type: ignore[arg-type]
            applier=applier,
            owner=name,
            origin=world.origin,
            make_decoder=lambda base: Decoder(PARTITIONS, base=base),
            metrics=METRICS,
            beat=self._beat,
        )
        self.task = asyncio.create_task(self.loop.run())

    def _beat(self) -> None:
        if self.loop.error is not None:
            self.loop.stop()

    def number(self, low: int, high: int) -> int:
        return self.world.chaos.number(low, high)

    async def turn(self, point: str) -> None:
        """The pipeline is about to talk to the world, or has just done so."""
        for _ in range(self.number(0, 3)):
            await asyncio.sleep(0)
        self.strike(point)

    def strike(self, point: str) -> None:
        """Fails as planned, and not at all for what no longer lives."""
        if not self.dead and (blow := self.world.chaos.blow()):
            self._hit(*blow)
        if self.dead:
            raise Killed
        assert self.world.chaos.turns < MOST_TURNS, "the pipeline does not come to an end"
        if error := self.world.chaos.error(point):
            raise error

    def _hit(self, kind: str, number: int) -> None:
        if kind == "overtake":
            self.reader.revoked = True
            if not self.overtaken.done():
                self.overtaken.set_result(None)
        if kind in ("kill", "kill and set back"):
            self.dead = True
            self.task.cancel()
        if kind in ("set back", "kill and set back"):
            self.world.set_back(number)

    def idle(self) -> None:
        """There is nothing to fetch."""
        if self.world.kafka.finished:
            self.loop.stop()


class WorkerStore(MemoryStore):
    """A worker's connection to the database of the world."""

    def __init__(self, world: World, worker: Worker) -> None:
        super().__init__()
        vars(self).update(vars(world.store))
        self._world = world
        self._worker = worker
        self._era = 0

    def strike(self, point: str) -> None:  # type: ignore[override]
        self._worker.strike(point)
        if (
            point in ("contracts", "seen", "holders", "past", "write", "commit")
            and self._era != self._world.era
        ):
            raise StoreUnavailable("the database was restored meanwhile")
        if point == "committed":
            self._world.back_up()

    async def claim(self, partition: str, owner: str, initial: Position | None) -> Position | None:
        await self._worker.turn("claim")
        claimed = await super().claim(partition, owner, initial)
        await self._worker.turn("claimed")
        return claimed

    @asynccontextmanager
    async def transaction(self, partition: str, *, owner: str, expected: int) -> AsyncIterator[Any]:
        self._era = self._world.era
        async with super().transaction(partition, owner=owner, expected=expected) as batch:
            yield _Refusing(batch, self._world, self._worker)
            await asyncio.sleep(0)


class _Refusing:
    """A batch in a database that takes only so much at once, and not everything."""

    def __init__(self, batch: Any, world: World, worker: Worker) -> None:
        self._batch = batch
        self._world = world
        self._worker = worker
        self.contracts = batch.contracts
        self.seen = batch.seen
        self.holders = batch.holders
        self.past = batch.past

    async def write(self, writes: BatchWrites, position: Position) -> None:
        for _ in range(self._worker.number(0, 3)):
            await asyncio.sleep(0)
        await self._batch.write(writes, position)
        if len(writes.history) > self._world.plan.bearable:
            raise BatchTooLarge("too much at once")
        if is_poison(writes.contracts, writes.former, writes.history):
            raise PoisonDocument("a document is refused")
