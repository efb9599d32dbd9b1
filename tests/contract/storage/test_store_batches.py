"""What every store promises of a batch, and of the past of an account that it rewrites."""

from dataclasses import replace

import pytest

from consumer.errors import Fenced, PoisonDocument
from consumer.storage.history import Past
from consumer.storage.protocols import OutboxSlot
from tests.contract.storage.samples import (
    at,
    contract,
    created,
    entry,
    kept,
    named,
    writes,
)

# ---- a batch


async def test_a_batch_is_stored_as_a_whole(backend, owner):
    slot = OutboxSlot(0, 1, 0, 1, b"\x00frames\xff")
    old = contract("old")
    await owner.commit(writes(created(contract()), former=[old], history=[entry()]), outbox=slot)
    assert backend.contracts() == [contract()]
    assert backend.former() == [old]
    assert [kept["_id"] for kept in backend.history()] == [entry().identity]
    assert await owner.outbox() == [slot]


async def test_nothing_of_a_batch_shows_before_its_end(backend, owner):
    async with owner.transaction() as transaction:
        slot = OutboxSlot(0, 1, 0, 1, b"")
        await transaction.write(writes(created(contract()), history=[entry()]), [owner.move(outbox=slot)])
        assert backend.contracts() == []
        assert backend.history() == []
        assert await owner.outbox() == []
        assert (await owner.stored()).next == 0
    assert backend.contracts() == [contract()]


class StopError(Exception):
    """Something goes wrong between the writes and the commit."""


async def test_nothing_of_a_batch_stays_when_its_block_fails(backend, owner):
    async def stopped():
        async with owner.transaction() as transaction:
            slot = OutboxSlot(0, 1, 0, 1, b"")
            await transaction.write(writes(created(contract()), history=[entry()]), [owner.move(outbox=slot)])
            raise StopError

    with pytest.raises(StopError):
        await stopped()
    assert backend.contracts() == []
    assert backend.history() == []
    assert await owner.outbox() == []
    assert (await owner.stored()).next == 0
    await owner.commit(writes(created(contract())))


@pytest.mark.parametrize(
    "refused",
    [
        writes(created(contract("good")), created(contract("bad", notes="\ud800"))),
        writes(created(contract("good")), history=[entry(), entry("two", changes=[kept(reason="\ud800")])]),
        writes(created(contract("good")), former=[contract("bad", version=2**63)]),
    ],
)
async def test_nothing_of_a_batch_stays_when_one_document_is_refused(backend, owner, refused):
    with pytest.raises(PoisonDocument):
        await owner.commit(refused)
    assert backend.contracts() == []
    assert backend.history() == []
    assert (await owner.stored()).next == 0
    await owner.commit(writes(created(contract("good"))))


async def test_an_empty_batch_moves_the_position(backend, owner):
    await owner.commit(position=at(5))
    assert (await owner.stored()).next == 5


async def test_a_block_that_writes_nothing_changes_nothing(backend, owner):
    async with owner.transaction() as transaction:
        assert await transaction.contracts([]) == {}
        assert await transaction.seen([]) == {}
    assert (await owner.stored()).next == 0


async def test_more_documents_than_fit_into_one_answer(backend, owner):
    many = [contract(f"account-{number}") for number in range(250)]
    entries = [entry(f"command-{number}") for number in range(250)]
    await owner.commit(writes(*map(created, many), history=entries))
    found = await owner.contracts(*(one["account_id"] for one in many), "nobody")
    assert found == {one["account_id"]: one for one in many}
    assert len(await owner.seen(*(one.identity for one in entries), named("never", 16))) == 250


# ---- the past of an account


def past_of(number: int) -> Past:
    """Entries and former contracts of one account, more than fit into one answer of the server."""
    account = f"account-{number}"
    entries = [entry(f"{account} {each}", account_id=account, offset=each) for each in range(150)]
    former = [contract(account, _id=named(f"{account} {each}"), version=each + 1) for each in range(2)]
    return Past(entries, former)


def sorted_past(past: Past) -> Past:
    return Past(
        sorted(past.history, key=lambda each: each.offset),
        sorted(past.former, key=lambda each: each["version"]),
    )


async def test_the_past_of_an_account_is_found_and_rewritten(backend, owner):
    one, two = past_of(1), past_of(2)
    await owner.commit(writes(former=[*one.former, *two.former], history=[*one.history, *two.history]))
    assert sorted_past(await owner.past("account-1", "nobody")) == one
    after = Past(
        [replace(each, requested_by="erased", changes=None) for each in one.history[50:]],
        [each | {"notes": "less"} for each in one.former[:1]],
    )
    await owner.commit(writes(rewritten=after, history=[entry("new", account_id="account-1", offset=999)]))
    found = sorted_past(await owner.past("account-1"))
    assert [*found.history[:50]] == [*one.history[:50]]
    assert [*found.history[50:150]] == [*after.history]
    assert [each.offset for each in found.history[150:]] == [999]
    assert found.former == [*after.former, one.former[1]]
    assert sorted_past(await owner.past("account-2")) == two


async def test_a_rewrite_of_a_batch_that_fails_leaves_the_past_alone(backend, owner):
    before = past_of(1)
    await owner.commit(writes(former=before.former, history=before.history))
    rewritten = Past([replace(each, changes=None) for each in before.history])
    with pytest.raises(PoisonDocument):
        await owner.commit(writes(created(contract("bad", notes="\ud800")), rewritten=rewritten))
    assert sorted_past(await owner.past("account-1")) == before


async def test_a_rewrite_of_what_is_gone_fences(backend, owner):
    await owner.commit(writes(history=[entry("one")]))
    with pytest.raises(Fenced):
        await owner.commit(writes(rewritten=Past([entry("one"), entry("gone")])))
    with pytest.raises(Fenced):
        await owner.commit(writes(rewritten=Past(former=[contract("gone")])))
