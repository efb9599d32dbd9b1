"""One schedule: a world in virtual time, from its first command to the checks at its end."""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from consumer.engine import schedule, worker
from consumer.errors import ContractsError
from tests.simulation.broker import Broker, EpochEnded
from tests.simulation.calls import Caller
from tests.simulation.chaos import Chaos
from tests.simulation.checker import Progress, Violation, check, check_errors, finished
from tests.simulation.clock import VirtualLoop
from tests.simulation.commands import closing, commands
from tests.simulation.group import Group, Process
from tests.simulation.quiet import OnceDecoder
from tests.simulation.store import Database
from tests.unit.engine.logs import TOPIC

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")

CALM_SECONDS: Final = 120.0
"""Of virtual time: once faults have stopped, everything must be published by then."""

AFTERWARDS_SECONDS: Final = 0.3
"""What somebody would publish again he does within this time after the last late request."""

_LOOK_SECONDS: Final = 0.2
_FULL: Final = 2


class World:
    """Everything of one schedule."""

    def __init__(self, chaos: Chaos, *, traced: bool = False) -> None:
        self.chaos = chaos
        self.progress = Progress()
        self.broker = Broker(self.chaos, self._committed)
        self.decoder = OnceDecoder(self.chaos.sizes.partitions)
        self.database = Database(self.chaos.sizes.partitions)
        self._traced = traced
        self._late = 0
        self._violations: list[BaseException] = []
        self.group = Group(self)

    # ---- what happens

    async def run(self) -> None:
        """The whole schedule.

        Raises:
            Violation: a promise was not kept.
        """
        sizes = self.chaos.sizes
        self.trace("schedule", sizes, self.chaos.kinds)
        for _ in range(sizes.processes):
            self.group.start()
        self.group.assign()
        try:
            await self._commands()
            self.chaos.calm = True
            self.trace("schedule", "faults stop")
            self.group.calm()
            for number in range(sizes.partitions):
                self.broker.send(closing(self.chaos, number))
            await self._until_finished()
            await self._until_all_have_arrived()
            self._check_running()
        finally:
            await self._end()
        check(self)

    async def _commands(self) -> None:
        """In bursts."""
        left = commands(self.chaos)
        bursts = self.chaos.sizes.bursts
        each = -(-len(left) // bursts)
        while left:
            burst, left = left[:each], left[each:]
            self.trace("others", "send", len(burst))
            for record in burst:
                self.broker.send(record)
            await asyncio.sleep(self.chaos.random.random() * 2 * self.chaos.sizes.seconds / bursts)
            self._check_running()

    async def _until_finished(self) -> None:
        until = asyncio.get_running_loop().time() + CALM_SECONDS
        while not finished(self):
            self._check_running()
            if asyncio.get_running_loop().time() > until:
                raise Violation("not everything was published in time")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _until_all_have_arrived(self) -> None:
        """What is late, and what it may lead to."""
        while self._late:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(AFTERWARDS_SECONDS)
        await asyncio.sleep(AFTERWARDS_SECONDS)

    def _check_running(self) -> None:
        for process in self.group.processes:
            if process.task.done() and not process.task.cancelled():
                process.task.result()
        if self._violations:
            raise self._violations[0]
        check_errors(self)

    async def _end(self) -> None:
        processes = self.group.processes
        for process in processes:
            process.kill()
        await asyncio.wait([process.task for process in processes])

    # ---- what hits it

    def blow(self, kind: str, caller: Caller) -> None:
        """Something that hits a process, the group or the database."""
        assert isinstance(caller, Process)
        if kind == "kill":
            self.group.kill(caller)
        elif kind == "pause":
            self.group.pause(caller, self.chaos.seconds())
        elif kind == "restore":
            self.database.restore(self.chaos.random.choice)
        else:
            self.group.assign()

    def later(self, what: str, effect: Callable[[], Any]) -> None:
        """A request that arrives after its client has given it up."""

        self._late += 1

        def arrive() -> None:
            self._late -= 1
            self.trace("late", what)
            with suppress(ContractsError, EpochEnded):
                effect()

        asyncio.get_running_loop().call_later(self.chaos.seconds() / 2, arrive)

    def _committed(self, log: Any, entries: list[Any]) -> None:
        if self._traced and log.topic != TOPIC:
            self.trace(
                "committed",
                f"{log.topic}/{log.partition}",
                [getattr(e, "value", None) or getattr(e, "records", 0) for e in entries],
            )
        try:
            self.progress.committed(log, entries)
        except Violation as violation:
            self._violations.append(violation)

    def trace(self, *what: Any) -> None:
        """Prints what happens, where it is asked for."""
        if self._traced:
            print(f"{asyncio.get_running_loop().time():9.4f}", *what)  # noqa: T201


def run(seed: int, *, traced: bool = False) -> World:
    """Runs the schedule of a seed.

    Raises:
        Violation: a promise was not kept.
    """
    loop = VirtualLoop()
    with _small_batches_side_by_side(), _seldom_collected():
        try:
            return loop.run_until_complete(_run(seed, traced=traced))
        finally:
            loop.close()


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """A schedule makes little garbage that refers to itself; looking for it was a tenth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _small_batches_side_by_side() -> Iterator[None]:
    """As if a few commands were already worth a batch of their own."""
    full, schedule.FULL, worker.FULL = schedule.FULL, _FULL, _FULL
    try:
        yield
    finally:
        schedule.FULL = worker.FULL = full


def in_virtual_time(work: Callable[[Caller], Awaitable[T]]) -> T:
    """What this makes of a calm world, as one process in it."""

    async def calm() -> T:
        return await work(Caller(World(Chaos.none()), "process"))

    loop = VirtualLoop()
    try:
        return loop.run_until_complete(calm())
    finally:
        loop.close()


async def _run(seed: int, *, traced: bool) -> World:
    world = World(Chaos(seed), traced=traced)
    await world.run()
    return world
