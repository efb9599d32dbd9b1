"""`erase`: personal data goes, the contract and its terms stay."""

from __future__ import annotations

import pytest
from hypothesis import given

from consumer.domain.erasure import PERSONAL, erased
from consumer.domain.model import Applied
from schemas.contract import to_json
from schemas.views import visible
from tests.unit.domain.logs import logs, never, run
from tests.unit.domain.story import Account

START, END = "2026-01-31", "2027-01-31"
ANN = {"name": "Ann Ash", "email": "ann@example.com", "phone": "+1 555", "role": "trader"}


def full(account: Account) -> Account:
    """With something in every personal field, and what is not personal beside it."""
    account.create(
        contract_type="basic",
        primary_contact=ANN,
        billing_contact={"name": "Ann Ash"},
        notes="Ann called",
        metadata={"ann@example.com": "Ann"},
        external_reference="PO-1",
        tags=["vip"],
        requested_by="ann",
    )
    return account.cancel(effective="end_of_term", reason="Ann moved", requested_by="ann")


def test_nothing_personal_is_left_and_everything_else_stays():
    account = full(Account(START))
    before = account.contract
    account.send("erase", requested_by="privacy-desk")
    assert account.told == ["erased"]
    assert b"ann" not in to_json(visible(account.contract)).lower()
    gone = {"primary_contact", "billing_contact", "notes"}
    assert before.keys() - account.contract.keys() == gone
    assert (account["metadata"], account["created_by"]) == ({}, "erased")
    [planned] = account["scheduled_changes"]
    assert planned["kind"] == "cancellation"
    assert planned.keys() == {
        *("change_id", "kind", "effective_at", "from_term", "requested_by", "requested_at")
    }
    touched = gone | PERSONAL.keys() | {"scheduled_changes", "version", "updated_at", "lifecycle"}
    assert {name: before[name] for name in before if name not in touched} == {
        name: value for name, value in account.contract.items() if name not in touched
    }
    assert account["last_modified_by"] == "privacy-desk"
    assert account["version"] == before["version"] + 1


def test_the_event_names_the_fields_and_no_values():
    account = full(Account(START)).send("erase")
    [changed] = account.changes
    assert sorted(change.path for change in changed.changed_fields) == [
        "/billing_contact",
        "/created_by",
        "/metadata",
        "/notes",
        "/primary_contact",
        "/scheduled_changes",
    ]
    assert {repr(side) for change in changed.changed_fields for side in change[1:]} == {"ERASED"}


def test_a_reason_that_was_given_before_goes_too():
    account = Account(START).create(contract_type="basic").cancel(reason="Ann moved").send("erase")
    assert "cancellation_reason" not in account.contract
    assert account["status"] == "cancelled"


def test_it_is_taken_in_every_status_and_again():
    account = Account(START).create(contract_type="basic", status="draft", auto_renewal=False)
    for lead in (
        lambda: account,
        account.activate,
        lambda: account.at("2027-01-15").advance(),
        lambda: account.at(END).advance(),
    ):
        status = lead()["status"]
        assert account.send("erase").told == ["erased"]
        assert account["status"] == status
    assert account["status"] == "expired"


def test_what_is_due_happens_first_with_the_data_of_then():
    account = Account(START).create(contract_type="basic", primary_contact=ANN)
    account.at("2026-12-31").send("erase")
    assert account.told == ["notice 60", "erased"]
    assert account.notices[0]["recipients"][0]["email"] == "ann@example.com"
    account.at(END).advance()
    assert all(notice["recipients"] == [] for notice in account.notices)


def test_without_a_contract_the_past_is_erased_all_the_same():
    account = Account(START).send("erase")
    assert account.verdict.outcome == Applied()
    assert account.verdict.erases
    assert account.told == []


@pytest.mark.parametrize("named", [{"contract_id": "x"}, {"expected_version": 1}])
def test_one_that_means_another_contract_erases_nothing(named):
    account = Account(START).send("erase", **named)
    assert account.refused == "contract_not_found"
    assert not account.verdict.erases
    account.create(contract_type="basic", notes="n").update(notes="m")
    assert account.send("erase", **named).refused
    assert not account.verdict.erases
    assert account["notes"] == "m"


def test_only_an_erase_erases():
    account = full(Account(START))
    assert not account.verdict.erases
    account.send("delete")
    assert not account.verdict.erases


@given(log=logs())
def test_twice_is_once(log):
    contract = run(log, log[-1][0], never).contract
    if contract is not None:
        assert erased(erased(contract)) == erased(contract)
