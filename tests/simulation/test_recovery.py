"""How soon there are events again after a fault, in virtual time: no call takes longer than 5 ms.

So each bound consists of the waits that the engine, the group and the clients choose themselves. How long it
takes on real servers, tests/system/faults/test_recovery.py and the benchmarks tell.
"""

import asyncio
from itertools import count

import pytest

from consumer.engine import claiming
from consumer.engine.backoff import BACKOFF_SECONDS, Backoff
from consumer.kafka.journal import SEARCH_AFTER_SECONDS
from tests.simulation.calls import BROKER, STORE
from tests.simulation.chaos import Chaos
from tests.simulation.checker import check
from tests.simulation.clock import VirtualLoop
from tests.simulation.commands import accounts
from tests.simulation.schedule import Schedule
from tests.simulation.world import Outage, World
from tests.unit.engine.logs import create, update

SESSION_SECONDS = 1.0
CALLS_SECONDS = 0.25
"""A takeover and a batch: some fifty calls."""

LONGEST_PAUSE = 1.5 * max(BACKOFF_SECONDS)
AWAY_SECONDS = 20.0
PATIENCE_SECONDS = 1.0
EVERY_SECONDS = 0.05


class Still(Chaos):
    """Nothing happens now and then: requests of a process that was killed are lost."""

    def chance(self, _: float) -> bool:
        return False


class Flow:
    """A world of two partitions, into each of which a command comes every 50 ms."""

    def __init__(self) -> None:
        chaos = Still.none(partitions=2)
        chaos.sizes = chaos.sizes._replace(kafka_pace=1, store_pace=1, session=SESSION_SECONDS)
        self.world = World(chaos)
        self._sending = asyncio.create_task(self._send())

    async def end(self) -> None:
        """Stops the flow; all that was sent must be there once."""
        self._sending.cancel()
        await asyncio.wait({self._sending})
        schedule = Schedule(self.world)
        await schedule._until_finished()
        await schedule._until_all_have_arrived()  # the markers in the outputs, too
        await schedule._end()
        check(self.world)

    def start(self, *numbers: int):
        """One more process, with these partitions."""
        group = self.world.group
        group.start()
        process = group.processes[-1]
        group.give(process, numbers)
        return process

    async def until_published(self, *numbers: int) -> float:
        """Seconds until there is something new in each of these partitions."""
        reached, loop = self.world.progress.reached, asyncio.get_running_loop()
        began, before = loop.time(), {number: reached.get(number, 0) for number in numbers}
        while any(reached.get(number, 0) <= before[number] for number in numbers):  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        return loop.time() - began

    async def until_in_transaction(self, name: str) -> None:
        """Until this worker has outputs in an open transaction."""
        open_of = self.world.broker.transactions.open_of
        while not ((found := open_of(name)) and found.logs and found.committed is None):  # noqa: ASYNC110
            await asyncio.sleep(0.0001)

    async def _send(self) -> None:
        names = [accounts(number, 2)[0] for number in range(2)]
        for number, name in enumerate(names):
            self.world.broker.send(create(0, name)._replace(partition=number))
        for turn in count():
            await asyncio.sleep(EVERY_SECONDS)
            for number, name in enumerate(names):
                self.world.broker.send(update(0, name, f"{number}-{turn}")._replace(partition=number))


@pytest.fixture
def flow():
    """Runs a test's steps over a flow, in virtual time, and then checks everything."""

    def run(steps):
        async def whole():
            flow = Flow()
            found = await steps(flow)
            await flow.end()
            return found

        loop = VirtualLoop()
        try:
            return loop.run_until_complete(whole())
        finally:
            loop.close()

    return run


async def one_of_two_is_killed(flow):
    victim, other = flow.start(0), flow.start(1)
    await flow.until_published(0, 1)
    await flow.until_in_transaction("p0.0")
    victim.kill()
    asyncio.get_running_loop().call_later(SESSION_SECONDS, flow.world.group.give, other, {0, 1})
    return await flow.until_published(0)


async def the_only_owner_is_killed(flow):
    victim, spare = flow.start(0, 1), flow.start()
    await flow.until_published(0, 1)
    await asyncio.sleep(AWAY_SECONDS)  # the spare one has had nothing to do for a long time
    await flow.until_in_transaction("p0.0")
    victim.kill()
    asyncio.get_running_loop().call_later(SESSION_SECONDS, flow.world.group.give, spare, {0, 1})
    return await flow.until_published(0, 1)


@pytest.mark.parametrize("case", [one_of_two_is_killed, the_only_owner_is_killed])
def test_partitions_of_a_killed_worker_go_on_as_soon_as_they_are_assigned(case, flow):
    took = flow(case)
    # The journal is read until nothing in it is hidden by an open transaction, or for so long.
    assert SESSION_SECONDS <= took <= SESSION_SECONDS + SEARCH_AFTER_SECONDS + CALLS_SECONDS


def after_an_outage(errors, patience):
    async def steps(flow):
        flow.start(0, 1)
        await flow.until_published(0, 1)
        flow.world.outage = Outage(errors, patience)
        await asyncio.sleep(AWAY_SECONDS)
        flow.world.outage = None
        return await flow.until_published(0, 1)

    return steps


@pytest.mark.parametrize("patience", [PATIENCE_SECONDS, 0.0], ids=["frozen", "gone"])
@pytest.mark.parametrize("errors", [STORE, BROKER], ids=["database", "broker"])
def test_all_partitions_go_on_within_one_pause_after_an_outage(errors, patience, flow):
    took = flow(after_an_outage(errors, patience))
    assert took <= patience + LONGEST_PAUSE + CALLS_SECONDS


async def a_moment_after_a_long_outage(flow):
    await after_an_outage(STORE, 0.0)(flow)
    flow.world.outage = Outage(STORE, 0.0)
    await asyncio.sleep(2 * EVERY_SECONDS)
    flow.world.outage = None
    return await flow.until_published(0, 1)


def test_a_short_outage_after_a_long_one_is_a_first_failure_again(flow):
    # In so short a time it fails three times at most.
    assert flow(a_moment_after_a_long_outage) <= 1.5 * BACKOFF_SECONDS[2] + CALLS_SECONDS


def test_open_transactions_that_are_not_ended_are_seen_here(flow, monkeypatch):
    monkeypatch.setattr(claiming, "_rivals", lambda *_: set())
    assert flow(one_of_two_is_killed) > 10


def test_pauses_that_only_grow_are_seen_here(flow, monkeypatch):
    def failed(self, *_):
        self._failures += 1
        return 0.1 * 2**self._failures

    monkeypatch.setattr(Backoff, "failed", failed)
    assert flow(after_an_outage(STORE, 0.0)) > LONGEST_PAUSE + CALLS_SECONDS


def test_failures_that_are_not_forgotten_are_seen_here(flow, monkeypatch):
    monkeypatch.setattr(Backoff, "succeeded", lambda _: None)
    assert flow(a_moment_after_a_long_outage) > 1.5 * BACKOFF_SECONDS[2] + CALLS_SECONDS
