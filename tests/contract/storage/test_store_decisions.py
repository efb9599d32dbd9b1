"""What operators see of positions and decide about them: every store."""

import pytest
from bson import Binary

from consumer.errors import StoreError
from consumer.storage.protocols import OutboxSlot, Stop
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import PARTITION, at, contract, created, writes

TORN = Stop("t/4: a torn backup", "--rebuild")
WAITS = Stop("t/4: too many dead letters", None)


async def test_why_a_partition_stands_still_is_seen(backend, owner):
    await owner.store.note_stop(PARTITION, owner.name, WAITS)
    await owner.store.note_stop(PARTITION, owner.name, TORN)
    assert await backend.store().stops([PARTITION, "t/9"]) == {PARTITION: TORN}
    assert await backend.store().positions([PARTITION]) == {PARTITION: owner.position}


async def test_a_claim_forgets_why_it_stood_still(backend, owner):
    await owner.store.note_stop(PARTITION, owner.name, TORN)
    await Owner(backend.store(), "next").claim()
    assert await backend.store().stops([PARTITION]) == {}


async def test_a_decision_forgets_why_it_stood_still(backend, owner):
    await owner.store.note_stop(PARTITION, owner.name, TORN)
    await backend.store().replace_position(at(3))
    assert await backend.store().stops([PARTITION]) == {}


async def test_an_owner_of_before_notes_nothing(backend, owner):
    await Owner(backend.store(), "next").claim()
    await owner.store.note_stop(PARTITION, owner.name, TORN)
    await owner.store.note_stop("t/9", owner.name, TORN)
    assert await backend.store().stops([PARTITION, "t/9"]) == {}


async def test_who_is_disowned_stores_nothing_more(backend, owner):
    given_up = owner.transaction()
    batch = await given_up.__aenter__()
    await batch.write(writes(created(contract())), [owner.move()])
    await backend.store().disown([PARTITION, "t/9"])
    with pytest.raises(StoreError):
        await given_up.__aexit__(None, None, None)
    assert backend.contracts() == []
    assert await owner.stored() == owner.position


# ---- what version 0.1 has stored


SESSION = Binary(bytes(16), 4)


@pytest.fixture
def old(mongo_backend):
    """A database in which 0.1 has worked: its outbox is a collection, an owner has one session."""
    database = mongo_backend._database
    position = {"cluster": "c", "group": "g", "partitions": 5, "partitioner": "murmur2", "generation": 1}
    position |= {"next": 7, "last": None, "tallies": {}, "owner": "host/1", "session": SESSION}
    database.positions.insert_one({"_id": PARTITION, **position})
    for number, (first, after) in enumerate([(4, 7), (0, 4)]):
        slot = {"first": first, "next": after, "generation": 1, "frames": b"outputs"}
        database.outbox.insert_one({"_id": f"{PARTITION}/{number}", **slot})
    database.outbox.insert_one({"_id": "t/9/0", "first": 0, "next": 1, "generation": 1, "frames": b""})
    return mongo_backend


async def test_its_outbox_moves_into_the_position(old):
    store = old.store()
    for _ in range(2):  # it may be cut off, and done again
        await store.adopt_outbox(PARTITION)
        assert (await store.outbox([PARTITION]))[PARTITION] == [
            OutboxSlot(1, 1, 0, 4, b"outputs"),
            OutboxSlot(0, 1, 4, 7, b"outputs"),
        ]
    assert [each["_id"] for each in old._database.outbox.find()] == ["t/9/0"]


async def test_it_is_told_apart_until_it_is_decided(old):
    store = old.store()
    assert not (await store.positions([PARTITION]))[PARTITION].has_journal
    await store.adopt_outbox(PARTITION)
    await store.disown([PARTITION])
    assert not (await store.positions([PARTITION]))[PARTITION].has_journal
    await store.replace_position(at(7))
    assert (await store.positions([PARTITION]))[PARTITION] == at(7)
    assert "session" not in old._database.positions.find_one({"_id": PARTITION})
