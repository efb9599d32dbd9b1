"""The reason of a stop reaches operators, also if MongoDB does not answer when the partition stops."""

import asyncio

import pytest

from consumer.engine import pipeline as pipeline_module
from consumer.engine.dead_letter_limit import RecentRecords
from consumer.engine.limits import Limits
from consumer.errors import DeadLetterLimit, StoreUnavailable
from consumer.storage.protocols import Stop
from tests.simulation.group import make_worker
from tests.unit.engine.logs import rubbish
from tests.unit.engine.scene import PLACE
from tests.unit.engine.scene import Scene as Running
from tests.unit.engine.storer import Scene

FLOOD = [rubbish(offset) for offset in range(9)]
FEW = {"dead_letter_count": 2, "dead_letter_share": 0.1}


@pytest.fixture
async def stopped():
    """A partition whose reason MongoDB did not take."""
    scene = await Scene(FLOOD, **FEW).begin()
    scene.caller.fail("stop", StoreUnavailable("the primary steps down"))
    await scene.store_all()
    assert isinstance(scene.partition.error, DeadLetterLimit)
    assert scene.database.noted == {}
    return scene


async def test_a_reason_that_was_not_taken_is_stored_later(stopped):
    stopped.caller.fail("stop", StoreUnavailable("still no primary"))
    for noted in ({}, {PLACE: Stop(str(stopped.partition.error), None)}):
        await stopped.storing.stops.note_again()
        assert stopped.database.noted == noted
    calls = len(stopped.caller.passed)
    await stopped.storing.stops.note_again()
    assert len(stopped.caller.passed) == calls


async def test_a_partition_that_is_not_taken_over_again_has_its_old_owner(stopped):
    """Other partitions are, and the worker has another name since."""
    stopped.storing.owner = "me#2"
    await stopped.storing.stops.note_again()
    assert PLACE in stopped.database.noted


async def test_a_worker_stores_it_by_itself(monkeypatch):
    monkeypatch.setattr(pipeline_module, "LOOK_SECONDS", 0.0)
    scene = Running()
    scene.send(FLOOD)
    worker = make_worker(scene.heir, [0], "heir")
    worker.partitions[0]._recent = RecentRecords(Limits(**FEW))
    scene.heir.fail("stop", *[StoreUnavailable("the primary steps down")] * 2)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        while not scene.store.noted:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    worker.stop()
    await running
    assert scene.store.noted == {PLACE: Stop(str(worker.partitions[0].error), None)}
