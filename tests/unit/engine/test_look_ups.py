"""Commands are looked up in the history only where one was repeated: the database's keys refuse the first."""

import pytest

from consumer.engine.storing import LOOK_UPS
from consumer.errors import WriteConflict
from consumer.storage.memory_batch import MemoryBatch
from tests.unit.engine.logs import create, update
from tests.unit.engine.storer import Scene, updates


@pytest.fixture
def looked_up(monkeypatch):
    """One entry for each look-up."""
    asked, seen = [], MemoryBatch.seen

    async def counted(batch, identities):
        asked.append(identities)
        return await seen(batch, identities)

    monkeypatch.setattr(MemoryBatch, "seen", counted)
    return asked


async def test_new_commands_are_not_looked_up(looked_up):
    scene = await Scene([create(0), *updates(9)], batch_commands=5).store_all()
    assert len(scene.batches) == 2
    assert len(looked_up) == 0
    scene.check()


async def test_a_repeated_command_is_found_by_a_second_try(looked_up):
    log = [create(0), update(1, id="same", notes="first"), update(2, id="same", notes="first"), update(3)]
    scene = await Scene(log, batch_commands=2).store_all()
    assert scene.sizes == [2, 2]
    assert len(looked_up) == 1
    assert [entry.outcome for entry in scene.check().history.values()].count("duplicate") == 1


async def test_an_account_that_is_opened_again_by_the_same_command_keeps_its_contract():
    """Without the look-up it would be rejected, under another outcome than the first time."""
    scene = await Scene([create(0), create(0)._replace(offset=1)], batch_commands=1).store_all()
    assert [entry.outcome for entry in scene.check().history.values()] == ["applied", "duplicate"]


async def test_after_a_repeated_command_the_next_batches_look_up(looked_up):
    repeated = update(1, id="same", notes="first")
    log = [create(0), repeated, repeated._replace(offset=2), *updates(LOOK_UPS + 9, 3)]
    scene = await Scene(log, batch_commands=1).store_all()
    assert len(scene.batches) == len(log)
    assert len(looked_up) == 1 + LOOK_UPS
    scene.check()


async def test_a_conflict_is_no_repeated_command(looked_up):
    scene = await Scene([create(0), *updates(5)], batch_commands=2).begin()
    scene.caller.fail("write", WriteConflict("another transaction"))
    await scene.store_all()
    assert len(looked_up) == 1
    scene.check()
