"""MongoStore while the server is stalled, killed or cut off: errors in time, and never a wrong one."""

import asyncio
import time

import pytest

from consumer.errors import Fenced, OutcomeUnknown, StoreUnavailable, WriteConflict
from consumer.storage.mongo_driver import start_session
from consumer.storage.protocols import OutboxSlot
from devstack.proxy import Proxy
from tests.contract.storage.backends import MongoBackend
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import FIRST, PARTITION, at, changed, contract, created, entry, writes

pytestmark = pytest.mark.fault

TIMEOUT_MS = 600
LATE_SECONDS = 1.2
"""The deadline, and time for a busy machine."""

BATCH = writes(created(contract()), history=[entry()])
OUTBOX = OutboxSlot(0, 1, 0, 1, b"outputs")


@pytest.fixture
async def near(server, driver, database):
    """A store with a short deadline, straight to the server."""
    backend = MongoBackend(server.uri, database, driver, TIMEOUT_MS)
    await backend.prepare()
    yield backend
    server.heal()
    await backend.close()


@pytest.fixture
def proxy(server):
    with Proxy(server.port) as made:
        yield made


@pytest.fixture
def far(near, proxy):
    """A store of the same database, behind the proxy."""
    return near.store(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true")


async def stalls(call):
    """The call ends in time, as a server that is away."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await call
    assert time.monotonic() - began < LATE_SECONDS


# ---- every call ends


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

    began = time.monotonic()
    with pytest.raises(OutcomeUnknown if step == "commit" else StoreUnavailable):
        await transact()
    assert time.monotonic() - began < LATE_SECONDS
    server.resume()
    await owner.claim()
    await _finish(near, owner)


async def _finish(near, owner):
    """Whether or not the batch was committed: it can be brought to an end exactly once."""
    if owner.position.next == 0:
        assert near.contracts() == []
        await owner.commit(BATCH, at(1), outbox=OUTBOX)
    assert near.contracts() == [contract()]
    assert len(near.history()) == 1
    assert await owner.outbox() == [OUTBOX]
    await owner.commit(writes(changed(contract(), contract(version=2))))
    assert near.contracts() == [contract(version=2)]


async def test_after_a_failure_nothing_is_written_before_the_next_claim(server, near):
    owner = await Owner(near.store()).claim()
    server.pause()
    with pytest.raises(StoreUnavailable):
        await owner.commit(BATCH, outbox=OUTBOX)
    server.resume()
    with pytest.raises(Fenced):
        await owner.commit(BATCH, outbox=OUTBOX)
    await _finish(near, await owner.claim())


async def test_a_cut_off_task_leaves_nothing_behind(server, near):
    """A loop that is not drained in time is cancelled wherever it stands."""
    owner = await Owner(near.store()).claim()
    server.pause()
    task = asyncio.create_task(owner.commit(BATCH, outbox=OUTBOX))
    done, _ = await asyncio.wait({task}, timeout=0.2)
    assert not done
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.2
    server.resume()
    await _finish(near, await Owner(near.store(), "heir").claim())


# ---- kills


async def test_a_killed_server_is_unavailable_and_then_works_again(server, near):
    owner = await Owner(near.store()).claim()
    await owner.commit(BATCH, at(1), outbox=OUTBOX)
    server.kill()
    await stalls(owner.stored())
    await stalls(owner.commit())
    server.start()
    await owner.claim()
    assert owner.position == at(1)
    await _finish(near, owner)


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
    await _finish(near, owner)


async def test_a_restarted_server_fails_the_open_transaction(server, near):
    owner = await Owner(near.store()).claim()

    async def transact():
        async with owner.transaction() as transaction:
            await transaction.write(BATCH, [owner.move(at(1), OUTBOX)])
            server.restart()

    with pytest.raises((OutcomeUnknown, StoreUnavailable, WriteConflict)):
        await transact()
    await owner.claim()
    await _finish(near, owner)


# ---- answers that get lost


async def test_a_commit_whose_answer_was_lost_is_asked_again(near, far, proxy):
    owner = await Owner(far).claim()
    transaction = owner.transaction()
    batch = await transaction.__aenter__()
    await batch.write(BATCH, [owner.move(at(1), OUTBOX)])
    proxy.stall(replies_only=True)
    committing = asyncio.create_task(transaction.__aexit__(None, None, None))
    await _until(lambda: near.contracts() == [contract()])
    proxy.cut()
    proxy.heal()
    await committing  # no error: it was found to be done
    owner.positions[PARTITION] = at(1)
    await _finish(near, owner)


async def test_a_commit_that_stays_without_an_answer_is_unknown(near, far, proxy):
    owner = await Owner(far).claim()
    transaction = owner.transaction()
    batch = await transaction.__aenter__()
    await batch.write(BATCH, [owner.move(at(1), OUTBOX)])
    proxy.stall(replies_only=True)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        await transaction.__aexit__(None, None, None)
    assert time.monotonic() - began < LATE_SECONDS
    proxy.heal()
    await owner.claim()
    assert owner.position == at(1)  # it had happened
    await _finish(near, owner)


async def test_a_commit_that_never_arrived_is_unknown_and_did_not_happen(near, far, proxy):
    owner = await Owner(far).claim()
    transaction = owner.transaction()
    batch = await transaction.__aenter__()
    await batch.write(BATCH, [owner.move(at(1), OUTBOX)])
    proxy.cut()
    with pytest.raises(OutcomeUnknown):
        await transaction.__aexit__(None, None, None)
    proxy.heal()
    await owner.claim()
    assert owner.position == FIRST
    await _finish(near, owner)


async def test_a_commit_that_arrives_after_the_next_claim_changes_nothing(near, far, proxy):
    """The network held it back, its owner gave up, and another has gone on."""
    late = await Owner(far, "late").claim()
    transaction = late.transaction()
    batch = await transaction.__aenter__()
    await batch.write(BATCH, [late.move(at(1), OUTBOX)])
    proxy.stall()
    with pytest.raises(OutcomeUnknown):
        await transaction.__aexit__(None, None, None)
    heir = await Owner(near.store(), "heir").claim()
    await heir.commit(writes(created(contract("other"))))
    proxy.heal()  # delivers it
    await far.positions([PARTITION])  # and has answered by now
    assert near.contracts() == [contract("other")]
    await heir.commit(writes(created(contract())))
    assert len(near.contracts()) == 2


async def test_writes_that_arrive_late_are_of_no_transaction(near, far, proxy):
    late = await Owner(far, "late").claim()
    proxy.stall()
    with pytest.raises(StoreUnavailable):
        await late.commit(BATCH, outbox=OUTBOX)
    heir = await Owner(near.store(), "heir").claim()
    proxy.heal()
    await far.positions([PARTITION])
    await heir.commit(BATCH, outbox=OUTBOX)
    await _finish(near, heir)


# ---- two writers


async def test_two_transactions_on_one_position_conflict(near):
    store = near.store()
    owner = await Owner(store).claim()
    again = near.store()
    again._sessions[0] = await start_session(again.client)  # a second claim would end the first
    twin = Owner(again, owner.name)
    twin.positions = {**owner.positions}
    first = owner.transaction()
    await (await first.__aenter__()).write(BATCH, [owner.move(at(1), OUTBOX)])
    with pytest.raises(WriteConflict):
        async with twin.transaction() as transaction:
            await transaction.write(BATCH, [owner.move(at(1), OUTBOX)])
    await first.__aexit__(None, None, None)
    with pytest.raises(Fenced):
        await twin.commit(BATCH, outbox=OUTBOX)
    assert near.contracts() == [contract()]


async def _until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # the server gives no signal
            await asyncio.sleep(0.01)
