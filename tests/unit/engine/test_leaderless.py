"""A partition without a leader is left out of takeovers until it has one."""

import pytest

from consumer.engine.takeover import Resumed
from consumer.errors import BrokerUnavailable, ForeignDocument
from consumer.kafka.fetcher import Fetched
from tests.simulation.broker import JOURNAL
from tests.simulation.group import make_worker
from tests.unit.engine.logs import TOPIC, update
from tests.unit.engine.scene import END, PLACE, fresh, scene

__all__ = ["fresh", "scene"]

both = pytest.mark.parametrize("topic", [TOPIC, JOURNAL])


@both
async def test_it_is_not_claimed(scene, topic):
    """A transaction with the claim could be ended by nobody."""
    scene.world.broker.leaderless.add((topic, 0))
    owner, written = scene.store.owners[PLACE], scene.world.broker.log(JOURNAL, 0).end
    taken = await scene.take_over_all([0, 1])
    assert isinstance(taken[0], BrokerUnavailable)
    assert isinstance(taken[1], Resumed)
    assert scene.store.owners[PLACE] == owner
    assert scene.world.broker.log(JOURNAL, 0).end == written


@pytest.fixture
async def worker(scene):
    """It has partition 0, which it had taken over before it lost its leader."""
    made = make_worker(scene.heir, [0], "heir")
    await made._reading.start()
    await made._take_over("assigned")
    scene.world.broker.leaderless.add((TOPIC, 0))
    await made._take_over("PublishInDoubt")
    return made


async def test_nothing_is_done_until_it_has_one(scene, worker):
    partition = worker.partitions[0]
    assert not partition.working
    assert worker._reading.wanted(0.0) is None
    assert not await worker._resuming.look()
    scene.world.broker.leaderless.clear()
    assert await worker._resuming.look()
    await worker._take_over("left_out")
    assert partition.working
    assert worker.why_idle() == {}


async def test_an_answer_from_before_does_not_make_it_work(worker):
    partition = worker.partitions[0]
    partition.take_in(Fetched(END, [update(END)], END + 1, END + 1, END + 1), now=0.0)
    assert partition.intake.waiting
    assert not partition.ready
    assert isinstance(worker.why_idle()[0], BrokerUnavailable)


async def test_one_that_stops_meanwhile_is_not_looked_for(scene, worker):
    worker.partitions[0].stop(ForeignDocument("positions", [(PLACE, "next is of another kind")]))
    scene.world.broker.leaderless.clear()
    assert not await worker._resuming.look()
