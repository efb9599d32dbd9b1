"""What every store promises of positions and owners: the one in memory, and MongoStore on every server."""

import asyncio

import pytest

from consumer.errors import Fenced, StoreError, WriteConflict
from consumer.storage.protocols import SESSIONS, Move, Origin, OutboxSlot, Position
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import (
    FIRST,
    ORIGIN,
    PARTITION,
    at,
    contract,
    created,
    entry,
    writes,
)
from tests.ticks import ends_within

AT_ONCE_SECONDS = 4
"""A dead owner's transaction lives for a minute unless it is ended."""


async def test_a_partition_that_was_never_moved_has_no_position(backend):
    assert await backend.store().positions([PARTITION]) == {}
    assert await backend.store().positions([]) == {}


async def test_a_claim_makes_no_position(backend):
    store = backend.store()
    assert await store.claim([PARTITION], "me") == {}
    assert await store.positions([PARTITION]) == {}
    assert await store.owned([PARTITION], "me") == {}
    with pytest.raises(Fenced):
        async with store.transaction("me", 0) as transaction:
            await transaction.write(writes(), [Move(0, at(1), None)])


async def test_the_first_position_is_stored_with_its_owner(backend):
    store = backend.store()
    await store.claim([PARTITION], "me")
    await store.begin(FIRST, "me")
    assert await backend.store().owned([PARTITION], "me") == {PARTITION: FIRST}
    with pytest.raises(Fenced):
        await store.owned([PARTITION], "another")


async def test_only_one_begins(backend):
    """The other one takes the partition over, and so ends the transactions of the first."""
    one, two = backend.store(), backend.store()
    await one.claim([PARTITION], "one")
    await two.claim([PARTITION], "two")
    await one.begin(FIRST, "one")
    with pytest.raises(Fenced):
        await two.begin(at(9), "two")
    assert await two.positions([PARTITION]) == {PARTITION: FIRST}


async def test_a_later_claim_keeps_the_stored_position(backend, owner):
    moved = await owner.commit(position=at(7, tallies={"basic/active": 2, "custom/expired": 0}))
    assert await backend.store().claim([PARTITION, "t/9"], "another") == {PARTITION: moved}


async def test_a_position_comes_back_whole(backend, owner):
    moved = at(2**40, tallies={"basic/active": 3})
    await owner.commit(position=moved)
    assert await backend.store().positions([PARTITION, "t/9"]) == {PARTITION: moved}
    assert moved.origin == ORIGIN


async def test_partitions_have_positions_of_their_own(backend):
    one = await Owner(backend.store(), "one", "t/1").claim(Position("t/1", ORIGIN, 10))
    two = await Owner(backend.store(), "two", "t/2").claim(Position("t/2", ORIGIN, 20))
    await one.commit(position=Position("t/1", ORIGIN, 11))
    assert (await one.stored("t/2")).next == 20
    await two.commit(position=Position("t/2", ORIGIN, 21))
    assert (await two.stored("t/1")).next == 11


async def test_the_number_of_partitions_is_that_of_the_topics_positions(backend):
    store = backend.store()
    assert await store.partition_count("t") is None
    await store.begin(Position("t/3", Origin("c", "g", 12), 0), "me")
    await store.begin(Position("t2/0", Origin("c", "g", 2), 0), "me")
    assert await store.partition_count("t") == 12
    assert await store.partition_count("t2") == 2
    assert await store.partition_count("t/3") is None


async def test_a_second_owner_fences_the_first(backend, owner):
    await owner.commit()
    second = await Owner(backend.store(), "second").claim()
    with pytest.raises(Fenced):
        await owner.commit(writes(created(contract())))
    with pytest.raises(Fenced):
        await owner.store.owned([PARTITION], owner.name)
    assert backend.contracts() == []
    await second.commit(writes(created(contract())))
    assert backend.contracts() == [contract()]


async def test_an_owner_that_claims_again_goes_on(owner):
    await owner.commit()
    await owner.claim()
    await owner.commit()
    assert (await owner.stored()).next == 2


async def test_a_claim_ends_ones_own_open_transactions_too(backend, owner):
    """Of a batch whose task was given up: its writes must not come after the claim."""
    given_up = owner.transaction()
    batch = await given_up.__aenter__()
    await batch.write(writes(created(contract())), [owner.move()])
    await owner.claim()
    await owner.commit(writes(history=[entry()]))
    with pytest.raises(StoreError):
        await given_up.__aexit__(None, None, None)
    assert backend.contracts() == []


async def test_a_claim_ends_an_open_transaction_at_once(backend, owner):
    async def overtaken():
        async with owner.transaction() as transaction:
            await transaction.write(writes(created(contract())), [owner.move()])
            second = await Owner(backend.store(), "second").claim()
            await second.commit(writes(history=[entry()]), at(1))

    with pytest.raises((Fenced, WriteConflict)):
        await ends_within(overtaken(), AT_ONCE_SECONDS)
    assert backend.contracts() == []
    with pytest.raises(Fenced):
        await owner.commit()


async def test_a_claim_ends_all_transactions_of_an_owner_that_died(backend):
    names = [f"t/{number}" for number in range(SESSIONS)]
    dead = await Owner(backend.store(), "dead").claim(*(Position(name, ORIGIN, 0) for name in names))
    transactions = [dead.transaction(lane) for lane in range(SESSIONS)]
    for name, transaction in zip(names, transactions, strict=True):
        batch = await transaction.__aenter__()
        await batch.write(writes(created(contract(name))), [dead.move(Position(name, ORIGIN, 1))])
    # ... and never a word again.

    async def overtake():
        heir = await Owner(backend.store(), "heir").claim(*dead.positions.values())
        await heir.commit_all(writes(), [heir.move(Position(name, ORIGIN, 5)) for name in names])

    await ends_within(overtake(), AT_ONCE_SECONDS)
    for transaction in transactions:
        with pytest.raises(StoreError):
            await transaction.__aexit__(None, None, None)
    assert backend.contracts() == []


async def test_many_owners_at_once_leave_exactly_one(backend):
    await Owner(backend.store()).claim()
    owners = [Owner(backend.store(), f"owner {number}") for number in range(4)]
    claimed = await asyncio.gather(*(owner.claim() for owner in owners), return_exceptions=True)
    claimers = [owner for owner in claimed if isinstance(owner, Owner)]
    assert all(isinstance(owner, Owner | Fenced) for owner in claimed)
    done = await asyncio.gather(*(owner.commit() for owner in claimers), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Fenced"] * (len(done) - 1) + ["Position"]


@pytest.mark.parametrize("before", [0, 4, 6])
async def test_a_position_that_is_not_where_it_was_left_fences(backend, owner, before):
    """Behind: the database went back and lost its tail. Ahead: somebody else has moved it."""
    await owner.commit(position=at(5))
    with pytest.raises(Fenced):
        async with owner.transaction() as transaction:
            await transaction.write(writes(created(contract())), [Move(before, at(9), None)])
    assert backend.contracts() == []
    assert (await owner.stored()).next == 5


async def test_a_position_that_is_gone_fences(owner):
    with pytest.raises(Fenced):
        async with owner.transaction() as transaction:
            await transaction.write(writes(), [Move(0, Position("t/9", ORIGIN, 1), None)])


async def test_an_operators_position_replaces_the_stored_one_and_its_owner(backend, owner):
    await owner.commit(position=at(5))
    decided = at(3, generation=2, last=None, origin=Origin("new", "group", 8))
    await backend.store().replace_position(decided)
    assert await owner.stored() == decided
    with pytest.raises(Fenced):
        await owner.commit(position=at(6))
    with pytest.raises(Fenced):
        await owner.store.owned([PARTITION], owner.name)
    await backend.store().replace_position(Position("t/7", ORIGIN, 1))
    assert await owner.stored("t/7") == Position("t/7", ORIGIN, 1)


async def test_an_operators_position_keeps_the_outbox(backend, owner):
    slot = OutboxSlot(0, 1, 0, 1, b"a")
    await owner.commit(outbox=slot)
    await backend.store().replace_position(at(1, generation=2))
    assert await owner.outbox() == [slot]


async def test_slots_are_taken_over_into_another_generation(owner):
    slots = [OutboxSlot(0, 1, 0, 1, b"a"), OutboxSlot(1, 1, 1, 2, b"b")]
    for slot in slots:
        await owner.commit(outbox=slot)
    await owner.store.keep_outbox("t/4", (1, 2))
    assert await owner.outbox("t/4") == []
    await owner.store.keep_outbox(PARTITION, (3, 4))
    assert await owner.outbox() == slots
    await owner.store.keep_outbox(PARTITION, (1, 2))
    assert await owner.outbox() == [slot._replace(generation=2) for slot in slots]
