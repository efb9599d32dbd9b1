"""Another program has a transaction open in one partition of the journal: the other one goes on.

The first goes on as soon as somebody looks after that transaction has ended, and everything is there once.
"""

import asyncio

from consumer.engine.obstacle import LEFT_OUT_PAUSES
from consumer.engine.pipeline import LOOK_SECONDS
from consumer.errors import PublishInDoubt
from consumer.kafka.journal import SEARCH_AFTER_SECONDS
from consumer.kafka.journal_entries import Claim, entry_of
from tests.simulation.broker import JOURNAL
from tests.simulation.strangers import Stranger
from tests.simulation.test_recovery import CALLS_SECONDS, EVERY_SECONDS, SESSION_SECONDS, flow
from tests.simulation.world import Outage

__all__ = ["flow"]

OPEN_SECONDS = 6.0
BEHIND_SECONDS = 2.0
"""In this time more is published behind the transaction than a takeover reads of a journal at first."""

WORK_SECONDS = EVERY_SECONDS + CALLS_SECONDS
BACK_SECONDS = LOOK_SECONDS + 2 * WORK_SECONDS


def claims_of(flow, name):
    """How many claims of a process are in the journal of partition 1."""
    entries = [one[0] for one in flow.world.broker.log(JOURNAL, 1).entries if one is not None]
    ours = [entry_of(one.key, one.value) for one in entries if one.key != b"hello"]
    return sum(isinstance(entry, Claim) and entry.by.startswith(name) for entry in ours)


async def the_other_goes_on(flow, process, stranger):
    """For some time, and this one within a moment after that."""
    await asyncio.sleep(SEARCH_AFTER_SECONDS + WORK_SECONDS)
    before, claimed = flow.world.progress.reached.get(1, 0), claims_of(flow, process.name)
    await asyncio.sleep(OPEN_SECONDS)
    assert await flow.until_published(0) <= WORK_SECONDS
    assert flow.world.progress.reached.get(1, 0) == before
    assert claims_of(flow, process.name) == claimed
    (error,) = process.worker.why_idle().values()
    assert f"{JOURNAL}/1: a producer's open transaction" in str(error)
    stranger.end()
    assert await flow.until_published(1) <= BACK_SECONDS
    assert process.worker.why_idle() == {}


def test_at_the_first_takeover(flow):
    async def steps(flow):
        stranger = Stranger(flow.world.broker, 1)
        process = flow.start(0, 1)
        assert await flow.until_published(0) <= SEARCH_AFTER_SECONDS + WORK_SECONDS
        assert claims_of(flow, process.name) == 1
        await the_other_goes_on(flow, process, stranger)

    flow(steps)


def test_when_a_killed_worker_is_replaced(flow):
    """It has published behind that transaction; what it has open in both partitions is ended."""

    async def steps(flow):
        victim, heir = flow.start(0, 1), flow.start()
        await flow.until_published(0, 1)
        stranger = Stranger(flow.world.broker, 1)
        await asyncio.sleep(BEHIND_SECONDS)
        await flow.until_in_transaction("p0.0")
        victim.kill()
        asyncio.get_running_loop().call_later(SESSION_SECONDS, flow.world.group.give, heir, {0, 1})
        took = await flow.until_published(0)
        assert took <= SESSION_SECONDS + 3 * SEARCH_AFTER_SECONDS + 2 * WORK_SECONDS
        await the_other_goes_on(flow, heir, stranger)

    flow(steps)


def test_behind_it_is_the_claim_of_a_worker_that_is_gone(flow):
    """Nobody needs to be fenced for a partition that is left out, and nothing is claimed in turn."""

    async def steps(flow):
        stranger = Stranger(flow.world.broker, 1)
        victim, heir = flow.start(0, 1), flow.start()
        await flow.until_published(0)
        victim.kill()
        asyncio.get_running_loop().call_later(SESSION_SECONDS, flow.world.group.give, heir, {0, 1})
        await flow.until_published(0)
        assert claims_of(flow, heir.name) <= 2
        await the_other_goes_on(flow, heir, stranger)

    flow(steps)


def test_a_takeover_for_another_reason_does_not_claim_it_again(flow):
    async def steps(flow):
        stranger = Stranger(flow.world.broker, 1)
        process = flow.start(0, 1)
        await flow.until_published(0)
        flow.world.outage = Outage((PublishInDoubt,), 0.0)
        await asyncio.sleep(1.0)
        flow.world.outage = None
        await flow.until_published(0)
        assert claims_of(flow, process.name) == 1
        await the_other_goes_on(flow, process, stranger)

    flow(steps)


def test_one_after_the_other_without_an_end(flow):
    """Each takeover finds the next one open; the other partition waits for it more and more seldom."""

    async def steps(flow):
        broker = flow.world.broker
        stranger = Stranger(broker, 1)
        process = flow.start(0, 1)
        for _ in range(30):
            following = Stranger(broker, 1)
            stranger.end()
            stranger = following
            await asyncio.sleep(1.0)
            assert await flow.until_published(0) <= SEARCH_AFTER_SECONDS + 2 * WORK_SECONDS
        assert 2 <= claims_of(flow, process.name) <= 5  # after 0, 2, 4, 11 and 23 seconds
        stranger.end()
        assert await flow.until_published(1) <= LEFT_OUT_PAUSES[4] + BACK_SECONDS

    flow(steps)
