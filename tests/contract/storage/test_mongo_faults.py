"""MongoStore while the server is stalled, killed or started anew: errors in time, and never a wrong one."""

import asyncio

import pytest

from consumer.errors import Fenced, OutcomeUnknown, StoreUnavailable, WriteConflict
from tests.contract.storage.interrupted import BATCH, LATE_SECONDS, OUTBOX, finish
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import FIRST, PARTITION, at, entry
from tests.ticks import ends_within

pytestmark = pytest.mark.fault


async def stalls(call):
    """The call ends in time, as a server that is away."""
    with pytest.raises(StoreUnavailable):
        await ends_within(call, LATE_SECONDS)


@pytest.mark.parametrize("warm", [True, False], ids=["connected", "not yet connected"])
@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.positions([PARTITION]),
        lambda store: store.claim([PARTITION], "me"),
        lambda store: store.owned([PARTITION], "me"),
        lambda store: store.outbox([PARTITION]),
        lambda store: store.partition_count("contracts.commands"),
        lambda store: store.replace_position(FIRST),
    ],
    ids=["positions", "claim", "owned", "outbox", "partition_count", "replace_position"],
)
async def test_a_stalled_server_is_unavailable_in_time(server, near, call, warm):
    store = near.store()
    if warm:
        await Owner(store).claim()
    server.pause()
    await stalls(call(store))
    server.resume()
    await call(store)


@pytest.mark.parametrize("step", ["contracts", "seen", "write", "commit"])
async def test_a_transaction_on_a_stalled_server_ends_in_time(server, near, step):
    owner = await Owner(near.store()).claim()

    async def transact():
        async with owner.transaction() as transaction:
            if step == "contracts":
                server.pause()
            await transaction.contracts(["acme"])
            if step == "seen":
                server.pause()
            await transaction.seen([entry().identity])
            if step == "write":
                server.pause()
            await transaction.write(BATCH, [owner.move(at(1), OUTBOX)])
            server.pause()

    with pytest.raises(OutcomeUnknown if step == "commit" else StoreUnavailable):
        await ends_within(transact(), LATE_SECONDS)
    server.resume()
    await owner.claim()
    await finish(near, owner)


async def test_after_a_failure_nothing_is_written_before_the_next_claim(server, near):
    owner = await Owner(near.store()).claim()
    server.pause()
    with pytest.raises(StoreUnavailable):
        await owner.commit(BATCH, outbox=OUTBOX)
    server.resume()
    with pytest.raises(Fenced):
        await owner.commit(BATCH, outbox=OUTBOX)
    await finish(near, await owner.claim())


async def test_a_cut_off_task_leaves_nothing_behind(server, near):
    """A loop that is not drained in time is cancelled wherever it stands: it does not wait for an answer."""
    near.timeout_ms = 60_000
    owner = await Owner(near.store()).claim()
    server.pause()
    task = asyncio.create_task(owner.commit(BATCH, outbox=OUTBOX))
    done, _ = await asyncio.wait({task}, timeout=0.2)
    assert not done
    task.cancel()
    await asyncio.wait({task}, timeout=30)
    assert task.cancelled()
    server.resume()
    await finish(near, await Owner(near.store(), "heir").claim())


async def test_a_killed_server_is_unavailable_and_then_works_again(server, near):
    owner = await Owner(near.store()).claim()
    await owner.commit(BATCH, at(1), outbox=OUTBOX)
    server.kill()
    await stalls(owner.stored())
    await stalls(owner.commit())
    server.start()
    await owner.claim()
    assert owner.position == at(1)
    await finish(near, owner)


async def test_a_server_killed_within_a_transaction_forgets_it(server, near):
    owner = await Owner(near.store()).claim()

    async def transact():
        async with owner.transaction() as transaction:
            await transaction.write(BATCH, [owner.move(at(1), OUTBOX)])
            server.kill()

    with pytest.raises((OutcomeUnknown, StoreUnavailable)):
        await transact()
    server.start()
    assert near.contracts() == []
    await owner.claim()
    assert owner.position == FIRST
    await finish(near, owner)


async def test_a_restarted_server_fails_the_open_transaction(server, near):
    owner = await Owner(near.store()).claim()

    async def transact():
        async with owner.transaction() as transaction:
            await transaction.write(BATCH, [owner.move(at(1), OUTBOX)])
            server.restart()

    with pytest.raises((OutcomeUnknown, StoreUnavailable, WriteConflict)):
        await transact()
    await owner.claim()
    await finish(near, owner)
