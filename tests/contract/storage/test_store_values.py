"""What people put into contracts: stored as it came in every store, or refused as poison."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from consumer.errors import PoisonDocument
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import changed, contract, created, entry, kept, named, writes

STORED = {
    "operator as a value": {"notes": "{'$gt': ''}", "tags": ["$where", "{$ne: null}"]},
    "operators as keys": {"metadata": {"$set": "x", "$where": "sleep(1)", "$": "", "a$": "b"}},
    "paths as keys": {"metadata": {"a.b": "1", ".": "2", "..": "3", "status.x": "4", "a.": "5", "0": "6"}},
    "escapes as keys": {"metadata": {"%24set": "x", "%": "y", "%25": "z", "%2E": "w", "a%b": "v", "%%": "u"}},
    "NUL": {"metadata": {"a\x00b": "c\x00d", "\x00": ""}, "notes": "\x00begin\x00end\x00"},
    "4-byte characters": {"metadata": {"😀": "🏴󠁧󠁢󠁥󠁮󠁧󠁿"}, "notes": "𐍈 𠜎"},
    "right to left": {"notes": "\u202eשלם\u202c مرحبا", "metadata": {"عقد": "עסקה"}},
    "control characters": {"notes": "".join(map(chr, range(1, 32))) + "\x7f\x85\u2028\ufeff"},
    "not normalised": {"metadata": {"e\u0301": "1", "\u00e9": "2"}},
    "empty": {"notes": "", "metadata": {"": "", "k": ""}, "tags": [""], "usage_limits": {}},
    "largest money": {"base_monthly_fee": Decimal(999_999_999_999_999)},
    "smallest money": {
        "base_monthly_fee": Decimal("0.0001"),
        "add_ons": [{"name": "x", "monthly_fee": Decimal("1E-8")}],
    },
    "trailing zeros": {
        "base_monthly_fee": Decimal("99.00"),
        "add_ons": [{"name": "x", "monthly_fee": Decimal("0.0000")}],
    },
    "all digits": {"base_monthly_fee": Decimal("12345678901.2345")},
    "large integers": {
        "usage_limits": {"max_monthly_trades": 2**53 - 1, "max_concurrent_trades": 2**63 - 1},
        "version": 2**40,
    },
    "first and last instant": {
        "start_date": datetime(1970, 1, 1, tzinfo=UTC),
        "end_date": datetime(9999, 12, 31, 23, 59, 59, 999000, UTC),
        "created_at": datetime(1, 1, 1, tzinfo=UTC),
    },
    "milliseconds": {"updated_at": datetime(2026, 1, 1, 0, 0, 0, 1000, UTC)},
    "nothing known": {"lifecycle": contract()["lifecycle"] | {"next_action_at": None, "noticed": None}},
    "64 KiB": {"notes": "é" * 32_768},
}


@pytest.mark.parametrize("changes", STORED.values(), ids=STORED.keys())
async def test_values_are_stored_as_they_came(owner, changes):
    before = contract()
    await owner.commit(writes(created(before)))
    await owner.commit(writes(changed(before, before | changes), created(contract("new") | changes)))
    found = await owner.contracts("acme", "new")
    assert found == {"acme": before | changes, "new": contract("new") | changes}
    if "base_monthly_fee" in changes:
        assert str(found["acme"]["base_monthly_fee"]) == str(changes["base_monthly_fee"])


@pytest.mark.parametrize("account", ["$where", "a.b", "😀" * 128, "\u202e", "{'$gt': ''}", "%24"])
async def test_any_account_is_found_again_and_no_other(owner, account):
    await owner.commit(writes(created(contract(account)), created(contract("other"))))
    assert (await owner.contracts(account))[account] == contract(account)
    assert len(await owner.contracts(account)) == 1
    await owner.commit(writes(changed(contract(account), None)))
    assert await owner.contracts(account, "other") == {"other": contract("other")}


async def test_any_text_of_a_command_stays_in_the_history(backend, owner):
    changes = [kept(change="updated", fields=[{"path": "/metadata/$a.b", "after": "\x00"}])]
    hostile = entry(
        account_id="$x", source="a.b", command_id="\x00😀", requested_by="{'$gt': 1}", changes=changes
    )
    await owner.commit(writes(history=[hostile]))
    [found] = backend.history()
    assert (found["account_id"], found["source"], found["command_id"]) == ("$x", "a.b", "\x00😀")
    assert (found["requested_by"], found["changes"]) == ("{'$gt': 1}", changes)


POISON = {
    "half a surrogate pair": {"notes": "\ud800"},
    "half a surrogate pair as a key": {"metadata": {"\udfff": ""}},
    "integer of more than 8 bytes": {"version": 2**63},
    "integer far below 0": {"usage_limits": {"max_monthly_trades": -(2**63) - 1}},
    "more than 16 MiB": {"notes": "x" * (17 << 20)},
}


@pytest.mark.parametrize("changes", POISON.values(), ids=POISON.keys())
async def test_what_cannot_be_stored_is_poison(backend, owner, changes):
    with pytest.raises(PoisonDocument):
        await owner.commit(writes(created(contract("new") | changes)))
    await owner.commit(writes(created(contract())))
    with pytest.raises(PoisonDocument):
        await owner.commit(writes(changed(contract(), contract() | changes)))
    assert backend.contracts() == [contract()]
    await owner.commit(writes(changed(contract(), contract(version=2))))
    assert backend.contracts() == [contract(version=2)]


async def test_a_contract_that_grows_beyond_16_mib_is_poison(backend, owner):
    half = contract(notes="x" * (9 << 20))
    await owner.commit(writes(created(half)))
    with pytest.raises(PoisonDocument):
        await owner.commit(writes(changed(half, half | {"cancellation_reason": "y" * (9 << 20)})))
    assert backend.contracts() == [half]


INVALID = {
    "unknown status": {"status": "lost"},
    "unknown type": {"contract_type": "free"},
    "no version": {"version": 0},
    "text for a date": {"end_date": "2027-01-01"},
    "number for money": {"base_monthly_fee": 1},
    "empty account": {"account_id": ""},
    "long id": {"contract_id": "x" * 129},
    "currency": {"currency": "EURO"},
}


@pytest.mark.parametrize("changes", INVALID.values(), ids=INVALID.keys())
async def test_the_validator_refuses_what_is_no_contract(mongo_backend, changes):
    """A guard on the server's side, against other writers: the domain never makes such a contract."""
    owner = await Owner(mongo_backend.store()).claim()
    with pytest.raises(PoisonDocument):
        await owner.commit(writes(created(contract() | changes)))
    await owner.commit(writes(created(contract())))
    with pytest.raises(PoisonDocument):
        await owner.commit(writes(changed(contract(), contract() | changes)))
    lifeless = {name: value for name, value in contract("x", _id=named("x")).items() if name != "lifecycle"}
    with pytest.raises(PoisonDocument):
        await owner.commit(writes(created(lifeless)))
    assert mongo_backend.contracts() == [contract()]
