"""A partition of the commands or of the journal has no leader: the other one of the same worker goes on.

The first goes on as soon as somebody looks after there is a leader again, and everything is there once.
"""

import asyncio

import pytest

from consumer.engine.backoff import BACKOFF_SECONDS
from consumer.engine.pipeline import LOOK_SECONDS
from tests.simulation.broker import JOURNAL
from tests.simulation.publisher import DEADLINE
from tests.simulation.test_recovery import CALLS_SECONDS, EVERY_SECONDS, SESSION_SECONDS, flow
from tests.unit.engine.logs import TOPIC

__all__ = ["flow"]

AWAY_SECONDS = 20.0
WORK_SECONDS = EVERY_SECONDS + CALLS_SECONDS
BACK_SECONDS = LOOK_SECONDS + 2 * WORK_SECONDS

both = pytest.mark.parametrize("topic", [TOPIC, JOURNAL])


async def the_other_goes_on(flow, process, topic):
    """For some time, and this one within a moment after that."""
    before = flow.world.progress.reached.get(1, 0)
    await asyncio.sleep(AWAY_SECONDS)
    assert await flow.until_published(0) <= WORK_SECONDS
    assert flow.world.progress.reached.get(1, 0) == before
    assert {n: str(error) for n, error in process.worker.why_idle().items()} == {
        1: f"{topic}/1 has no leader"
    }
    flow.world.broker.leaderless.clear()
    assert await flow.until_published(1) <= BACK_SECONDS
    assert process.worker.why_idle() == {}


@both
def test_none_at_the_first_takeover(flow, topic):
    async def steps(flow):
        flow.world.broker.leaderless.add((topic, 1))
        process = flow.start(0, 1)
        assert await flow.until_published(0) <= WORK_SECONDS
        await the_other_goes_on(flow, process, topic)

    flow(steps)


@both
def test_none_when_a_killed_worker_is_replaced(flow, topic):
    async def steps(flow):
        victim, heir = flow.start(0, 1), flow.start()
        await flow.until_published(0, 1)
        await until_between_transactions(flow)
        flow.world.broker.leaderless.add((topic, 1))
        victim.kill()
        asyncio.get_running_loop().call_later(SESSION_SECONDS, flow.world.group.give, heir, {0, 1})
        await flow.until_published(0)
        await the_other_goes_on(flow, heir, topic)

    flow(steps)


def test_a_journal_that_loses_it_holds_the_other_up_until_the_transaction_is_given_up(flow):
    """What is stored of the partition and not published stays in its outbox."""

    async def steps(flow):
        process = flow.start(0, 1)
        await flow.until_published(0, 1)
        await until_between_transactions(flow)
        flow.world.broker.leaderless.add((JOURNAL, 1))
        assert await flow.until_published(0) <= DEADLINE + 1.5 * max(BACKOFF_SECONDS) + WORK_SECONDS
        await the_other_goes_on(flow, process, JOURNAL)

    flow(steps)


async def until_between_transactions(flow):
    """A leader that is lost within a transaction holds up all of its partitions."""
    while flow.world.broker.transactions.open_of("p0.0") is not None:  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.001)
