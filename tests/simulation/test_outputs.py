"""Kafka does not take the outputs of one partition: the other one of the same worker goes on.

The first goes on as soon as somebody looks after they are taken again, and everything is there once.
"""

import asyncio

import pytest

from consumer.engine.backoff import BACKOFF_SECONDS
from consumer.engine.obstacle import LEFT_OUT_PAUSES
from consumer.engine.pipeline import LOOK_SECONDS
from consumer.errors import BrokerUnavailable, PublishRefused
from schemas.topics import COMMAND_RESULTS
from tests.simulation.publisher import DEADLINE
from tests.simulation.test_leaderless import until_between_transactions
from tests.simulation.test_recovery import CALLS_SECONDS, EVERY_SECONDS, SESSION_SECONDS, flow

__all__ = ["flow"]

AWAY_SECONDS = 20.0
WORK_SECONDS = EVERY_SECONDS + CALLS_SECONDS
BACK_SECONDS = LOOK_SECONDS + 2 * WORK_SECONDS
FAILURES_SECONDS = 1.5 * sum(BACKOFF_SECONDS[:3]) + 3 * CALLS_SECONDS
"""A refusal while it works, one of all that is stored, and one of what is tried alone."""


async def the_other_goes_on(flow, process, error):
    """For some time."""
    before = flow.world.progress.reached.get(1, 0)
    await asyncio.sleep(AWAY_SECONDS)
    assert await flow.until_published(0) <= WORK_SECONDS
    assert flow.world.progress.reached.get(1, 0) == before
    (found,) = process.worker.why_idle().items()
    assert (found[0], type(found[1])) == (1, error)


def results_without_a_leader(broker):
    return broker.leaderless


def results_that_are_refused(broker):
    return broker.refusing


cases = pytest.mark.parametrize(
    ("of", "error", "seen_after", "back_after"),
    [
        (results_without_a_leader, BrokerUnavailable, DEADLINE + FAILURES_SECONDS, BACK_SECONDS),
        (results_that_are_refused, PublishRefused, FAILURES_SECONDS, max(LEFT_OUT_PAUSES) + BACK_SECONDS),
    ],
)


@cases
def test_while_it_works(flow, of, error, seen_after, back_after):
    async def steps(flow):
        process = flow.start(0, 1)
        await flow.until_published(0, 1)
        await until_between_transactions(flow)
        of(flow.world.broker).add((COMMAND_RESULTS, 1))
        assert await flow.until_published(0) <= seen_after + WORK_SECONDS
        await the_other_goes_on(flow, process, error)
        of(flow.world.broker).clear()
        assert await flow.until_published(1) <= back_after
        assert process.worker.why_idle() == {}

    flow(steps)


@cases
def test_when_a_killed_worker_is_replaced(flow, of, error, seen_after, back_after):
    """What the killed one stored and did not publish is left in its outbox."""

    async def steps(flow):
        victim, heir = flow.start(0, 1), flow.start()
        await flow.until_published(0, 1)
        await until_between_transactions(flow)
        of(flow.world.broker).add((COMMAND_RESULTS, 1))
        await asyncio.sleep(EVERY_SECONDS)
        victim.kill()
        asyncio.get_running_loop().call_later(SESSION_SECONDS, flow.world.group.give, heir, {0, 1})
        assert await flow.until_published(0) <= SESSION_SECONDS + seen_after + WORK_SECONDS
        await the_other_goes_on(flow, heir, error)
        of(flow.world.broker).clear()
        assert await flow.until_published(1) <= back_after

    flow(steps)
