"""What every store promises of the history and the outbox."""

from decimal import Decimal

import pytest

from consumer.errors import AheadOfPosition
from consumer.storage.protocols import OutboxSlot, Position
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import (
    DAY,
    ORIGIN,
    at,
    contract,
    created,
    entry,
    kept,
    named,
    writes,
)

# ---- history


async def test_seen_commands_are_found_with_what_became_of_them(owner):
    rejected = entry("two", outcome="rejected", code="invalid_terms", contract_id=None, version=None)
    await owner.commit(
        writes(history=[entry(), rejected, entry("three", version=2**33, offset=2**49, content=None)])
    )
    found = await owner.seen(entry().identity, rejected.identity, named("three", 16), named("never", 16))
    assert found == {
        entry().identity: ("applied", None, "contract_1", 1, 0, 0, entry().content),
        rejected.identity: ("rejected", "invalid_terms", None, None, 0, 0, rejected.content),
        named("three", 16): ("applied", None, "contract_1", 2**33, 0, 2**49, None),
    }


async def test_a_history_entry_keeps_all_its_fields(backend, owner):
    fields = [
        {"path": "/end_date", "before": DAY, "after": DAY.replace(year=2030)},
        {"path": "/base_monthly_fee", "before": Decimal("1.50"), "after": Decimal("1.5")},
        {"path": "/usage_limits/max_monthly_trades", "before": 2**40},
        {"path": "/metadata/a.b~1$", "after": ""},
        {"path": "/usage_based_pricing", "after": {"trade_value_tiers": [{"max_value": None}]}},
        {"path": "/primary_contact", "erased": True},
    ]
    notice = {"notice": "expiring", "window_days": 30, "effective_at": DAY}
    changes = [kept(change="updated", version=2, fields=fields), notice]
    full = entry(offset=2**50, code="c", requested_by="ann", changes=changes)
    bare = entry(
        "bare",
        account_id=None,
        contract_id=None,
        version=None,
        type=None,
        source=None,
        changes=None,
        content=None,
    )
    await owner.commit(writes(history=[full, bare]))
    found = {bytes(one["_id"]): one for one in backend.history()}
    assert found[full.identity] == {
        "_id": full.identity,
        "partition": 0,
        "offset": 2**50,
        "occurred_at": full.occurred_at,
        "outcome": "applied",
        "code": "c",
        "account_id": "acme",
        "contract_id": "contract_1",
        "version": 1,
        "type": "create",
        "source": "/crm",
        "command_id": "one",
        "requested_by": "ann",
        "changes": changes,
        "content": full.content,
    }
    fee = found[full.identity]["changes"][0]["fields"][1]
    assert (str(fee["before"]), str(fee["after"])) == ("1.50", "1.5")
    assert (await owner.past("acme")).history == [full]
    assert found[bare.identity].keys() == {
        "_id",
        "partition",
        "offset",
        "occurred_at",
        "outcome",
        "command_id",
    }


async def test_an_entry_that_is_there_already_is_ahead_of_the_position(backend, owner):
    await owner.commit(writes(history=[entry()]))
    with pytest.raises(AheadOfPosition):
        await owner.commit(writes(created(contract()), history=[entry("two"), entry()]))
    assert backend.contracts() == []
    assert len(backend.history()) == 1


async def test_two_entries_of_one_identity_in_a_batch_are_refused(backend, owner):
    with pytest.raises(AheadOfPosition):
        await owner.commit(writes(history=[entry(), entry(offset=1)]))
    assert backend.history() == []


# ---- outbox


async def test_slots_are_kept_by_number_and_told_by_their_first_offset(backend, owner):
    old, new = OutboxSlot(1, 1, 0, 5, b"old"), OutboxSlot(0, 1, 5, 9, b"new")
    await owner.commit(position=at(5), outbox=old)
    await owner.commit(position=at(9), outbox=new)
    assert await owner.outbox() == [old, new]
    newest = OutboxSlot(1, 2, 9, 12, b"")
    await owner.commit(position=at(12), outbox=newest)
    assert await owner.outbox() == [new, newest]


async def test_a_batch_without_outputs_leaves_the_slots_alone(backend, owner):
    slot = OutboxSlot(0, 1, 0, 1, b"outputs")
    await owner.commit(outbox=slot)
    await owner.commit(writes())
    assert await owner.outbox() == [slot]


async def test_partitions_have_slots_of_their_own(backend, owner):
    other = await Owner(owner.store, partition="t/1").claim(Position("t/1", ORIGIN, 0))
    slot = OutboxSlot(0, 1, 0, 1, b"mine")
    await owner.commit(outbox=slot)
    assert await other.outbox() == []
    theirs = slot._replace(frames=b"theirs")
    await other.commit(position=Position("t/1", ORIGIN, 1), outbox=theirs)
    assert await owner.outbox() == [slot]
    assert await other.outbox() == [theirs]
