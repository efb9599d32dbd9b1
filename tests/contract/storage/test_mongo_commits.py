"""Commits of MongoStore whose answers get lost or that arrive late, and two at a time."""

import asyncio

import pytest

from consumer.errors import Fenced, OutcomeUnknown, StoreUnavailable, WriteConflict
from consumer.storage.mongo_driver import start_session
from devstack.proxy import Proxy
from tests.contract.storage.interrupted import BATCH, LATE_SECONDS, OUTBOX, finish
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import FIRST, PARTITION, at, contract, created, writes
from tests.ticks import ends_within

pytestmark = pytest.mark.fault


@pytest.fixture
def proxy(server):
    with Proxy(server.port) as made:
        yield made


@pytest.fixture
def far(near, proxy):
    """A store of the same database, behind the proxy."""
    return near.store(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true")


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
    await finish(near, owner)


async def test_a_commit_that_stays_without_an_answer_is_unknown(near, far, proxy):
    owner = await Owner(far).claim()
    transaction = owner.transaction()
    batch = await transaction.__aenter__()
    await batch.write(BATCH, [owner.move(at(1), OUTBOX)])
    proxy.stall(replies_only=True)
    with pytest.raises(OutcomeUnknown):
        await ends_within(transaction.__aexit__(None, None, None), LATE_SECONDS)
    proxy.heal()
    await owner.claim()
    assert owner.position == at(1)  # it had happened
    await finish(near, owner)


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
    await finish(near, owner)


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
    await finish(near, heir)


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
