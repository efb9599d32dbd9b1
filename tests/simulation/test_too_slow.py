"""A database that large batches are too slow for: the service comes to batches that end in time."""

import asyncio

import pytest

from consumer.engine.batch_size import BatchSize
from consumer.errors import OutcomeUnknown, StoreUnavailable
from tests.simulation import store
from tests.simulation.chaos import Chaos
from tests.simulation.checker import Violation, check
from tests.simulation.clock import VirtualLoop
from tests.simulation.commands import accounts
from tests.simulation.schedule import Schedule
from tests.simulation.world import World
from tests.unit.engine.logs import create, update

BEARABLE = 10
"""Commands of a batch that end in time."""

BACKLOG = 100
TIMEOUT_SECONDS = 1.0


class Slow:
    """Transactions of which a step has no answer in time if they are too large, and are not committed."""

    def __init__(self, step, monkeypatch):
        self.given_up = []
        """Commands of each batch that had no answer."""
        self._write, self._leave = store._Transaction.write, store._Transaction.__aexit__
        sizes = {}

        async def write(transaction, writes, moves):
            sizes[transaction] = len(writes.history)
            if step == "write":
                await self._give_up(sizes[transaction], StoreUnavailable("no answer in time"))
            await self._write(transaction, writes, moves)

        async def leave(transaction, kind, *rest):
            size = sizes.pop(transaction, 0)
            if step == "commit" and kind is None:
                await self._give_up(size, OutcomeUnknown("no answer in time"))
            await self._leave(transaction, kind, *rest)

        monkeypatch.setattr(store._Transaction, "write", write)
        monkeypatch.setattr(store._Transaction, "__aexit__", leave)

    async def _give_up(self, size, error):
        if size > BEARABLE:
            self.given_up.append(size)
            await asyncio.sleep(TIMEOUT_SECONDS)
            raise error


async def a_backlog(partitions=2, batch=1_000):
    """One process applies and publishes it, or a Violation says that it was not done in time."""
    world = World(Chaos.none(partitions=partitions, outputs=partitions, batch=batch))
    for number in range(partitions):
        name = accounts(number, partitions)[0]
        world.broker.send(create(0, name)._replace(partition=number))
        for turn in range(BACKLOG):
            world.broker.send(update(0, name, f"{number}-{turn}")._replace(partition=number))
    world.group.start()
    world.group.assign()
    schedule = Schedule(world)
    try:
        await schedule._until_finished()
    finally:
        await schedule._end()
    check(world)


def in_virtual_time(work):
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


@pytest.mark.parametrize("step", ["write", "commit"])
def test_a_batch_that_has_no_answer_is_tried_again_in_smaller_ones(step, monkeypatch):
    slow = Slow(step, monkeypatch)
    in_virtual_time(a_backlog())
    assert max(slow.given_up) > BACKLOG
    assert min(slow.given_up) <= 2 * BEARABLE


@pytest.mark.parametrize("step", ["write", "commit"])
def test_the_same_batch_again_and_again_is_seen_here(step, monkeypatch):
    monkeypatch.setattr(BatchSize, "halve", lambda *_: None)
    slow = Slow(step, monkeypatch)
    with pytest.raises(Violation, match="not everything was published in time"):
        in_virtual_time(a_backlog())
    assert min(slow.given_up) > BACKLOG
