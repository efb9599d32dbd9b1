"""One schedule: a world in virtual time, from its first command to the checks at its end."""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from consumer.engine import pipeline, schedule
from tests.simulation.chaos import Chaos
from tests.simulation.checker import Violation, check, check_errors, finished
from tests.simulation.clock import VirtualLoop
from tests.simulation.commands import closing, commands
from tests.simulation.strangers import intrude
from tests.simulation.untaken import take_nothing
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALM_SECONDS: Final = 120.0
"""Of virtual time: once faults have stopped, everything must be published by then."""

AFTERWARDS_SECONDS: Final = 0.3
"""What somebody would publish again he does within this time after the last late request."""

_LOOK_SECONDS: Final = 0.2
_FULL: Final = 2


class Schedule:
    """What happens in a world, until all is published and checked."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def run(self) -> None:
        """The whole schedule.

        Raises:
            Violation: a promise was not kept.
        """
        world, sizes = self._world, self._world.chaos.sizes
        world.trace("schedule", sizes, world.chaos.kinds)
        for _ in range(sizes.processes):
            world.group.start()
        world.group.assign()
        intrude(world.broker, world.chaos.intrusions)
        take_nothing(world.broker, world.chaos.untaken)
        try:
            await self._commands()
            world.chaos.calm = True
            world.trace("schedule", "faults stop")
            world.group.calm()
            for number in range(sizes.partitions):
                world.broker.send(closing(world.chaos, number))
            await self._until_finished()
            await self._until_all_have_arrived()
            self._check_running()
        finally:
            await self._end()
        check(world)

    async def _commands(self) -> None:
        """In bursts."""
        chaos = self._world.chaos
        left = commands(chaos)
        bursts = chaos.sizes.bursts
        each = -(-len(left) // bursts)
        while left:
            burst, left = left[:each], left[each:]
            self._world.trace("others", "send", len(burst))
            for record in burst:
                self._world.broker.send(record)
            await asyncio.sleep(chaos.random.random() * 2 * chaos.sizes.seconds / bursts)
            self._check_running()

    async def _until_finished(self) -> None:
        until = asyncio.get_running_loop().time() + CALM_SECONDS
        while not finished(self._world):
            self._check_running()
            if asyncio.get_running_loop().time() > until:
                raise Violation("not everything was published in time")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _until_all_have_arrived(self) -> None:
        """What is late, and what it may lead to; markers, too, that wait for a leader."""
        while self._world.late or self._world.broker.markers_wait():  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(AFTERWARDS_SECONDS)
        await asyncio.sleep(AFTERWARDS_SECONDS)

    def _check_running(self) -> None:
        for process in self._world.group.processes:
            if process.task.done() and not process.task.cancelled():
                process.task.result()
        if self._world.violations:
            raise self._world.violations[0]
        check_errors(self._world)

    async def _end(self) -> None:
        processes = self._world.group.processes
        for process in processes:
            process.kill()
        await asyncio.wait([process.task for process in processes])


def run(seed: int, *, traced: bool = False, make_world: Callable[..., World] = World) -> World:
    """Runs the schedule of a seed.

    Raises:
        Violation: a promise was not kept.
    """
    loop = VirtualLoop()
    with _small_batches_side_by_side(), _seldom_collected():
        try:
            return loop.run_until_complete(_run(seed, make_world, traced=traced))
        finally:
            _end_tasks(loop)
            loop.close()


def _end_tasks(loop: VirtualLoop) -> None:
    """Those that the clients of killed processes have left."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))


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
    full, schedule.FULL, pipeline.FULL = schedule.FULL, _FULL, _FULL
    try:
        yield
    finally:
        schedule.FULL = pipeline.FULL = full


async def _run(seed: int, make_world: Callable[..., World], *, traced: bool) -> World:
    world = make_world(Chaos(seed), traced=traced)
    await Schedule(world).run()
    return world
