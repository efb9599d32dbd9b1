"""The group: processes that come and go, and an assignment that moves between them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from consumer.engine.cache import OVERHEAD, CacheBudget, ContractCache
from consumer.engine.encoder import Encoder
from consumer.engine.limits import Limits
from consumer.engine.partition import Partition
from consumer.engine.publishing import Publishing
from consumer.engine.reading import Reading
from consumer.engine.storing import Storing
from consumer.engine.takeover import Takeover
from consumer.engine.worker import Worker
from consumer.storage.protocols import Origin
from consumer.telemetry.traces import NO_TRACES, Traces
from schemas.topics import EVENT_TOPICS
from tests.simulation.broker import JOURNAL
from tests.simulation.calls import Caller
from tests.simulation.quiet import Quiet
from tests.simulation.store import SimulatedStore
from tests.unit.engine.logs import TOPIC
from tests.unit.engine.oracle import POLICY

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.simulation.world import World

METRICS: Any = Quiet()
CLUSTER: Final = "cluster"
GROUP: Final = "group"
_DRAIN_SECONDS: Final = (0.0, 0.01, 0.1, 3.0, 3.0, 3.0)
_CLOSE_SECONDS: Final = 1.0
_TELL_SECONDS: Final = 0.2


def make_worker(caller: Caller, numbers: Collection[int], name: str, traces: Traces = NO_TRACES) -> Worker:
    """As bootstrap.py makes it, with the clients of its world."""
    sizes = caller.world.chaos.sizes
    limits = Limits(batch_commands=sizes.batch, dead_letter_limit_off=True)
    budget = CacheBudget(4 * OVERHEAD)
    partitions = {
        number: Partition(
            number,
            encoder=Encoder(number, counts=dict.fromkeys(EVENT_TOPICS, sizes.outputs)),
            cache=ContractCache(budget),
            make_decoder=lambda _: caller.world.decoder,
            limits=limits,
            metrics=METRICS,
        )
        for number in sorted(numbers)
    }
    fetcher, publisher, journal = caller.world.clients(caller, name)
    publishing = Publishing(publisher, journal=JOURNAL, worker=name, metrics=METRICS, traces=traces)
    store = SimulatedStore(caller)
    return Worker(
        partitions,
        reading=Reading(
            fetcher, partitions, batch_commands=limits.batch_commands, metrics=METRICS, traces=traces
        ),
        publisher=publisher,
        takeover=Takeover(
            topic=TOPIC,
            worker=name,
            origin=Origin(CLUSTER, GROUP, sizes.partitions),
            store=store,
            publisher=publisher,
            journal=journal,
            log=fetcher,
            beat=lambda: None,
        ),
        storing=Storing(
            store,
            policy=POLICY,
            limits=limits,
            metrics=METRICS,
            traces=traces,
            before_commit=publishing.open,
        ),
        publishing=publishing,
        batch_commands=limits.batch_commands,
        metrics=METRICS,
        beat=lambda: None,
        traces=traces,
    )


class Process(Caller):
    """A member of the group: one worker for each assignment, drained before the next."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.worker: Worker | None = None
        self._told = asyncio.Event()
        self._workers = 0
        self.task = asyncio.create_task(self._run())

    def tell(self) -> None:
        """The assignment is another one: it asks for the newest."""
        self._told.set()

    def kill(self) -> None:
        """None of its code goes on."""
        self.dead = True
        self.task.cancel()

    async def _run(self) -> None:
        while True:
            await self._told.wait()
            await self.alive()
            self._told.clear()
            if numbers := self.world.group.assigned(self):
                await self._work(numbers)

    async def _work(self, numbers: frozenset[int]) -> None:
        """Until the assignment changes; what ends by itself is a finding."""
        name = f"{self.name}.{self._workers}"
        self._workers += 1
        self.world.trace(self.name, f"worker {name} for", sorted(numbers))
        self.worker = make_worker(self, numbers, name)
        work = asyncio.create_task(self.worker.run())
        told = asyncio.create_task(self._told.wait())
        try:
            await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await self.alive()
                await self._drain(self.worker, work)
        finally:
            told.cancel()
            work.cancel()
            await asyncio.wait({work})
        if not work.cancelled():
            work.result()

    async def _drain(self, worker: Worker, work: asyncio.Task[None]) -> None:
        worker.stop()
        seconds = (
            _DRAIN_SECONDS[-1] if self.world.chaos.calm else self.world.chaos.random.choice(_DRAIN_SECONDS)
        )
        _, late = await asyncio.wait({work}, timeout=seconds)
        if late:
            self.world.trace(self.name, "is cut off while draining")
            work.cancel()
            await asyncio.wait(late, timeout=_CLOSE_SECONDS)


class Group:
    """Who is there, and what each of them is told."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.processes: list[Process] = []
        self._assigned: dict[Process, frozenset[int]] = {}

    @property
    def living(self) -> list[Process]:
        """Those that can be told anything."""
        return [process for process in self.processes if not process.dead and not process.paused]

    def assigned(self, process: Process) -> frozenset[int]:
        """What a process is to work on."""
        return self._assigned.get(process, frozenset())

    def start(self) -> None:
        """One more process."""
        self.processes.append(Process(self._world, f"p{len(self.processes)}"))

    def kill(self, process: Process) -> None:
        """The group hears of it only because the process says nothing any more."""
        process.kill()
        self._soon(self._missed)

    def pause(self, process: Process, seconds: float) -> None:
        """It may be missed before it goes on."""
        process.pause()
        self._soon(self._missed)
        asyncio.get_running_loop().call_later(seconds, self._back, process)

    def _back(self, process: Process) -> None:
        process.go_on()
        self.assign()

    def _soon(self, what: object) -> None:
        asyncio.get_running_loop().call_later(self._world.chaos.sizes.session, what)

    def _missed(self) -> None:
        if len(self.living) < self._world.chaos.sizes.processes and (
            not self.living or self._world.chaos.chance(0.7)
        ):
            self.start()
        self.assign()

    def assign(self) -> None:
        """Each partition to one of those that live; its old owner may be told later than the new one."""
        chaos, living = self._world.chaos, self.living
        if not living:
            return
        shares: dict[Process, set[int]] = {process: set() for process in living}
        for number in range(chaos.sizes.partitions):
            shares[chaos.random.choice(living)].add(number)
        for process, share in shares.items():
            numbers = frozenset(share)
            if self._assigned.get(process) == numbers and chaos.chance(0.5):
                continue
            self._assigned[process] = numbers
            later = chaos.random.random() * _TELL_SECONDS
            asyncio.get_running_loop().call_later(later, process.tell)
        self._world.trace("group", {p.name: sorted(s) for p, s in shares.items()})

    def give(self, process: Process, numbers: Collection[int]) -> None:
        """Assigns these partitions to a process."""
        self._assigned[process] = frozenset(numbers)
        process.tell()

    def calm(self) -> None:
        """Everybody goes on, and each partition has one owner from here on."""
        for process in self.processes:
            process.go_on()
        if not self.living:
            self.start()
        self.assign()
