"""What every store promises of contracts."""

from decimal import Decimal

import pytest

from consumer.errors import AheadOfPosition, ContractIdTaken, Fenced, NewerSchema
from consumer.storage.protocols import ContractWrite
from schemas import upcasting
from schemas.contract import SCHEMA_VERSION
from tests.contract.storage.samples import (
    changed,
    contract,
    created,
    named,
    writes,
)


async def test_an_account_without_a_contract_is_left_out(owner):
    await owner.commit(writes(created(contract("acme"))))
    assert await owner.contracts("acme", "nobody") == {"acme": contract("acme")}


@pytest.mark.parametrize(
    "changes",
    [
        {"notes": "new"},
        {"version": 2, "status": "pending_renewal"},
        {"base_monthly_fee": Decimal("1.5"), "usage_limits": {"max_monthly_trades": 5}},
        {"lifecycle": contract()["lifecycle"] | {"offset": 9, "noticed": 30}},
        {"metadata": {}},
        {"metadata": {"$set": "x", "a.b": "$y"}},
        {"add_ons": [], "features": ["b", "a"], "auto_renewal": False},
        {},
    ],
)
async def test_a_changed_contract_is_stored_as_it_is(backend, owner, changes):
    before = contract()
    await owner.commit(writes(created(before), created(contract("other"))))
    await owner.commit(writes(changed(before, before | changes)))
    assert await owner.contracts("acme", "other") == {"acme": before | changes, "other": contract("other")}


async def test_a_contract_of_an_older_version_is_written_as_a_whole(owner, monkeypatch):
    """Of a partial write the rest would stay old, and be made new a second time."""
    old = contract(base_monthly_fee=Decimal(2))
    await owner.commit(writes(created(old)))
    monkeypatch.setattr(upcasting, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    double = {SCHEMA_VERSION: lambda stored: stored | {"base_monthly_fee": stored["base_monthly_fee"] * 2}}
    monkeypatch.setattr(upcasting, "CONTRACT_STEPS", double)
    found = (await owner.contracts("acme"))["acme"]
    assert found["base_monthly_fee"] == 4
    after = found | {"base_monthly_fee": Decimal(10)}
    await owner.commit(writes(changed(found, after)))
    assert (await owner.contracts("acme"))["acme"] == after


async def test_a_contract_of_a_newer_program_stops_an_older_one_until_it_is_upgraded(owner, monkeypatch):
    await owner.commit(writes(created(contract())))
    with monkeypatch.context() as older:
        older.setattr(upcasting, "SCHEMA_VERSION", SCHEMA_VERSION - 1)
        with pytest.raises(NewerSchema, match=f"version {SCHEMA_VERSION} is newer than {SCHEMA_VERSION - 1}"):
            await owner.contracts("acme")
    assert await owner.contracts("acme") == {"acme": contract()}


async def test_a_field_can_be_taken_away_and_given_again(owner):
    full = contract(notes="text", external_reference="ref", sla_terms={"uptime_guarantee": Decimal("99.9")})
    bare = {name: full[name] for name in full if name not in {"notes", "sla_terms", "primary_contact"}}
    await owner.commit(writes(created(full)))
    await owner.commit(writes(changed(full, bare)))
    assert await owner.contracts("acme") == {"acme": bare}
    await owner.commit(writes(changed(bare, full)))
    assert await owner.contracts("acme") == {"acme": full}


async def test_a_contract_is_replaced_by_another(backend, owner):
    old = contract(status="expired", external_reference="ref")
    new = contract(_id=named("new"), contract_id="contract_new", status="draft")
    await owner.commit(writes(created(old)))
    await owner.commit(writes(changed(old, new), former=[old]))
    assert await owner.contracts("acme") == {"acme": new}
    assert backend.contracts() == [new]
    assert backend.former() == [old]


async def test_a_contract_is_replaced_by_one_of_the_same_id(backend, owner):
    """Deleted, and adopted again from elsewhere, in one batch."""
    old, new = contract(), contract(_id=named("new"), notes="adopted")
    await owner.commit(writes(created(old)))
    await owner.commit(writes(changed(old, new), former=[old]))
    assert backend.contracts() == [new]


async def test_a_contract_is_deleted(backend, owner):
    await owner.commit(writes(created(contract()), created(contract("other"))))
    await owner.commit(writes(changed(contract(), None), former=[contract()]))
    assert backend.contracts() == [contract("other")]
    assert await owner.contracts("acme") == {}


async def test_a_contract_that_came_and_went_within_a_batch_is_not_stored(backend, owner):
    await owner.commit(writes(ContractWrite("acme", None, None), former=[contract()]))
    assert backend.contracts() == []
    assert backend.former() == [contract()]


@pytest.mark.parametrize("after", [contract(version=2), None, contract(_id=named("new"), contract_id="new")])
async def test_a_contract_that_somebody_took_away_fences(backend, owner, after):
    """What the owner knows of its contracts holds no more: it must read them again."""
    await owner.commit(writes(created(contract()), created(contract("other"))))
    backend.forget_contract("acme")
    with pytest.raises(Fenced):
        await owner.commit(
            writes(changed(contract("other"), contract("other", version=2)), changed(contract(), after))
        )
    assert backend.contracts() == [contract("other")]


async def test_a_contract_that_should_not_be_there_is_ahead_of_the_position(backend, owner):
    await owner.commit(writes(created(contract())))
    another = contract(_id=named("another"), contract_id="another")
    with pytest.raises(AheadOfPosition):
        await owner.commit(writes(created(another)))
    assert backend.contracts() == [contract()]


async def test_a_contract_id_of_another_account_is_refused(backend, owner):
    """Adopted contracts bring their ids: a wrong one is the command's fault, not the database's."""
    await owner.commit(writes(created(contract("first", contract_id="same"))))
    with pytest.raises(ContractIdTaken):
        await owner.commit(writes(created(contract("account_id", contract_id="same"))))
    with pytest.raises(ContractIdTaken):
        await owner.commit(writes(*(created(contract(name, contract_id="twice")) for name in ("a", "b"))))
    assert [one["account_id"] for one in backend.contracts()] == ["first"]


async def test_an_account_named_like_a_key_is_no_poison(owner):
    """The kind of duplicate is told by the index, not by what stands in the message."""
    account = "index: contract_id"
    await owner.commit(writes(created(contract(account))))
    with pytest.raises(AheadOfPosition):
        await owner.commit(writes(created(contract(account, _id=named("x"), contract_id="x"))))


async def test_an_id_is_its_first_accounts_even_when_the_contract_is_gone(owner):
    ours = contract("ours", contract_id="same")
    await owner.commit(writes(created(ours), created(contract("other", contract_id="theirs"))))
    async with owner.transaction() as transaction:
        assert await transaction.holders(["same", "theirs", "nobody's"]) == {
            "same": "ours",
            "theirs": "other",
        }
        assert await transaction.holders([]) == {}
    await owner.commit(writes(changed(ours, None), former=[ours]))
    async with owner.transaction() as transaction:
        assert await transaction.holders(["same"]) == {"same": "ours"}
