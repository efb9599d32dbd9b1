"""The store that fails on demand fails where it is told to, and leaves behind what a server would."""

import asyncio

import pytest

from consumer.errors import Fenced, OutcomeUnknown, PoisonDocument, StoreUnavailable
from tests.contract.storage.faulty import FaultyStore
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import contract, created, entry, writes

BATCH = writes(created(contract()), history=[entry()])


@pytest.fixture
async def owner():
    return await Owner(FaultyStore()).claim()


async def run_through(owner):
    """Passes every point but `begin`, once each."""
    await owner.claim()
    await owner.stored()
    await owner.store.owned([owner.partition], owner.name)
    await owner.outbox()
    async with owner.transaction() as transaction:
        await transaction.contracts(["acme"])
        await transaction.seen([entry().identity])
        await transaction.past(["acme"])
        await transaction.write(BATCH, [owner.move()])


@pytest.mark.parametrize(
    "point",
    ["positions", "claim", "owned", "contracts", "seen", "past", "write", "commit", "committed", "outbox"],
)
async def test_each_point_fails_as_often_as_it_was_told(owner, point):
    owner.store.fail(point, None, StoreUnavailable("away"))
    await run_through(owner)
    owner.store.current.clear()
    owner.store.history.clear()
    with pytest.raises(StoreUnavailable):
        await run_through(owner)
    assert (owner.store.current != {}) is (point == "committed")


@pytest.mark.parametrize(
    ("point", "error", "stored", "usable"),
    [
        ("write", StoreUnavailable("away"), 0, False),
        ("commit", OutcomeUnknown("lost"), 0, False),
        ("committed", OutcomeUnknown("lost"), 1, False),
        ("commit", asyncio.CancelledError(), 0, False),
        ("write", PoisonDocument("no"), 0, True),
    ],
)
async def test_a_lane_in_doubt_is_closed_until_the_next_claim(owner, point, error, stored, usable):
    owner.store.fail(point, error)
    with pytest.raises(type(error)):
        await owner.commit(BATCH)
    assert len(owner.store.history) == stored
    if not usable:
        with pytest.raises(Fenced, match="nothing was claimed"):
            await owner.contracts("acme")
        await owner.claim()
    assert len(await owner.contracts("acme")) == stored
