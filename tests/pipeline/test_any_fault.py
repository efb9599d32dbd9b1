"""Whatever fails, wherever and however often: state and outputs are those of the pure fold, exactly once."""

import asyncio

import bson
import pytest
from hypothesis import given, settings

from consumer.errors import ForeignDocument
from consumer.storage.memory import Stored
from tests.pipeline.chaos import FAULTS, Plan, plans
from tests.pipeline.logs import ACCOUNTS, create, logs, record, rubbish, update
from tests.pipeline.world import World

ERASE = record(5, ACCOUNTS[0], "erase", {})
PLAIN = [create(0), *map(update, range(1, 5)), ERASE, *map(update, range(6, 9)), rubbish(9)]
ANSWERED = [create(0), *map(update, range(1, 12))]
SMALL = 3


async def survives(world):
    await world.run()
    world.check()
    return world


@given(logs(), plans)
@settings(max_examples=400)
def test_any_log_under_any_faults_gives_the_pure_fold_exactly_once(log, plan):
    asyncio.run(survives(World(log, plan)))


@pytest.mark.parametrize("passages", range(6))
@pytest.mark.parametrize(
    ("point", "kind"), [(point, kind) for point, kinds in FAULTS.items() for kind in kinds]
)
async def test_every_fault_at_every_point(point, kind, passages):
    plan = Plan([(point, passages, kind)], batch=SMALL, numbers=[2, 0, 5])
    await survives(World(PLAIN, plan))


@pytest.mark.parametrize("blow", ["kill", "overtake", "set back", "kill and set back"])
async def test_every_blow_at_every_turn(blow):
    calm = await survives(World(PLAIN, Plan(batch=SMALL, numbers=[2, 0, 5])))
    for turn in range(1, calm.chaos.turns + 1):
        for number in range(4 if "set back" in blow else 1):
            world = World(PLAIN, Plan(blows=[(turn, blow, number)], batch=SMALL, numbers=[2, 0, 5]))
            await survives(world)


def lying(world, shift):
    """From the first answer on, the coordinator tells any end of a batch that the outbox knows of."""

    def tell(committed):
        if world.kafka.answered() is None:
            return committed
        ends = {world.position.next}
        for slot in sorted(world.store.slots.values(), key=lambda slot: -slot.first):
            if slot.next in ends:
                ends.add(slot.first)
        return sorted(ends)[(shift + len(world.kafka.transactions)) % len(ends)]

    world.kafka.tells = tell
    return world


@pytest.mark.parametrize("shift", range(3))
@pytest.mark.parametrize("blow", ["kill", "overtake"])
async def test_every_blow_while_the_coordinator_is_wrong(blow, shift):
    plan = Plan(batch=SMALL, numbers=[2, 0, 5])
    calm = await survives(lying(World(ANSWERED, plan), shift))
    for turn in range(1, calm.chaos.turns + 1):
        await survives(lying(World(ANSWERED, plan._replace(blows=[(turn, blow, 0)])), shift))


@pytest.mark.parametrize("shift", range(3))
@pytest.mark.parametrize("passages", range(6))
@pytest.mark.parametrize(
    ("point", "kind"), [(point, kind) for point, kinds in FAULTS.items() for kind in kinds]
)
async def test_every_fault_while_the_coordinator_is_wrong(point, kind, passages, shift):
    plan = Plan([(point, passages, kind)], batch=SMALL, numbers=[2, 0, 5])
    await survives(lying(World(ANSWERED, plan), shift))


async def test_a_document_that_is_not_ours_stops_the_partition_by_name():
    world = World([create(0), create(1, ACCOUNTS[1])])
    document = bson.encode({"_id": "old-1", "account_id": ACCOUNTS[0], "contract_id": "c-1"})
    world.store.current[ACCOUNTS[0]] = Stored(b"old-1", "c-1", document)
    await world.run()
    assert isinstance(world.error, ForeignDocument)
    assert "contracts old-1: _id is of another kind" in str(world.workers[-1].loop.why_idle())
    assert world.store.current.keys() == {ACCOUNTS[0]}
