"""`update`: a JSON merge patch on the mutable fields."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumer.domain.model import ABSENT, Unchanged
from tests.unit.domain.story import Account, instant


def test_it_merges_and_tells_what_changed(account):
    account.at("2026-02-01").update(
        base_monthly_fee=120.25, primary_contact={"phone": "1"}, notes=None, tags=["a"]
    )
    [changed] = account.changes
    assert changed.change == "updated"
    assert changed.version == account["version"] == 2
    assert {change.path: change[1:] for change in changed.changed_fields} == {
        "/base_monthly_fee": (Decimal(99), Decimal("120.25")),
        "/primary_contact/phone": (ABSENT, "1"),
        "/notes": ("first", ABSENT),
        "/tags": ([], ["a"]),
    }
    assert account["primary_contact"] == {"name": "Ada", "email": "ada@example.com", "phone": "1"}


def test_it_stamps_time_and_author(account):
    account.at("2026-02-01").send("update", changes={"notes": "x"}, requested_by="bob")
    assert account["updated_at"] == instant("2026-02-01")
    assert account["last_modified_by"] == "bob"
    assert account["created_by"] == "crm"
    assert account["lifecycle"]["offset"] == 2
    assert account["lifecycle"]["at"] == instant("2026-02-01")


def test_one_that_changes_nothing_makes_no_version(account):
    account.at("2026-02-01").update(notes="first", metadata={"region": "eu", "gone": None})
    assert isinstance(account.verdict.outcome, Unchanged)
    assert account.told == []
    assert account["version"] == 1


def test_null_removes_what_is_optional_and_empties_lists(account):
    account.update(primary_contact=None, features=None, metadata=None)
    assert "primary_contact" not in account.contract
    assert account["features"] == []
    assert account["metadata"] == {}


def test_null_in_an_object_removes_its_field(account):
    account.update(primary_contact={"name": None}, metadata={"region": None, "desk": "7"})
    assert account["primary_contact"] == {"email": "ada@example.com"}
    assert account["metadata"] == {"desk": "7"}


@pytest.mark.parametrize(
    "field",
    [
        "end_date",
        "auto_renewal",
        "term_months",
        "renewal_window_days",
        "renewal_grace_days",
        "notice_days",
        "base_monthly_fee",
        "usage_limits",
    ],
)
def test_what_every_contract_has_cannot_be_removed(account, field):
    account.update(**{field: None})
    assert account.refused == "invalid_terms"
    assert account.mistakes == {f"/changes/{field}": "is required: it cannot be removed"}


PROTECTED = [
    "contract_id",
    "account_id",
    "contract_type",
    "status",
    "term_start",
    "term_number",
    "renewal_date",
    "scheduled_changes",
    "created_at",
    "updated_at",
    "cancelled_at",
    "cancellation_reason",
    "created_by",
    "last_modified_by",
    "version",
]


@pytest.mark.parametrize("field", PROTECTED)
@pytest.mark.parametrize("status", ["active", "draft"])
def test_protected_fields_stay(field, status):
    account = Account("2026-01-31").create(contract_type="basic", status=status)
    account.update(**{field: "x"})
    assert account.refused == "protected_field"
    assert list(account.mistakes) == [f"/changes/{field}"]


@pytest.mark.parametrize("field", ["start_date", "currency"])
def test_start_and_currency_are_for_drafts(account, draft, field):
    value = {"start_date": "2026-03-01", "currency": "EUR"}[field]
    assert account.update(**{field: value}).refused == "protected_field"
    assert account.mistakes == {f"/changes/{field}": "can be changed in a draft only"}
    assert draft.update(**{field: value}).applied


def test_a_protected_field_set_to_null_is_protected_first(account):
    account.update(start_date=None)
    assert account.refused == "protected_field"
    assert account.mistakes == {"/changes/start_date": "can be changed in a draft only"}


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_an_ended_contract_keeps_its_terms_but_for_contacts_and_notes(ending):
    account = Account("2026-01-31").create(contract_type="basic", auto_renewal=False)
    if ending == "cancelled":
        account.cancel()
    account.at("2027-02-01")
    account.update(
        primary_contact={"name": "Eve"},
        billing_contact={"name": "Bob"},
        notes="n",
        tags=["t"],
        external_reference="r",
        metadata={"k": "v"},
    )
    assert account["status"] == ending
    assert account.applied
    account.update(base_monthly_fee=1, end_date="2028-01-01", notes="m")
    assert account.refused == "protected_field"
    why = f"cannot be changed any more: the contract is {ending}"
    assert account.mistakes == {"/changes/base_monthly_fee": why, "/changes/end_date": why}
    assert account["notes"] == "n"


def test_all_mistakes_are_told_at_once(account):
    account.update(
        status="draft",
        currency="EUR",
        term_months=None,
        end_date="2026-01-01",
        features=["a", "b"],
        add_ons=[{"name": "x", "monthly_fee": 1}, {"name": "x", "monthly_fee": 2}],
    )
    assert account.refused == "protected_field"
    assert set(account.mistakes) == {
        "/changes/status",
        "/changes/currency",
        "/changes/term_months",
        "/changes/end_date",
        "/changes/add_ons/1/name",
    }
