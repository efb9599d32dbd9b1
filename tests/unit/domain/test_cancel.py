"""`cancel`, now or at the end of the term; `withdraw_cancellation`; `delete`."""

from __future__ import annotations

import pytest

from consumer.domain.model import Unchanged
from tests.unit.domain.story import Account, instant

START, END = "2026-01-31", "2027-01-31"


@pytest.fixture
def account() -> Account:
    return Account(START).create(contract_type="basic")


@pytest.mark.parametrize("status", ["draft", "active", "pending_renewal"])
def test_it_ends_now_and_its_end_date_stays(status):
    account = Account(START).create(contract_type="basic", status="draft" if status == "draft" else "active")
    now = "2027-01-15" if status == "pending_renewal" else "2026-05-01"
    account.at(now).cancel(reason="moved away")
    assert account.told[-1] == "cancelled"
    assert account["status"] == "cancelled"
    assert account["cancelled_at"] == instant(now)
    assert account["cancellation_reason"] == "moved away"
    assert account["end_date"] == instant(END)
    assert account["lifecycle"]["next_action_at"] is None


def test_what_was_scheduled_goes(account):
    account.change_plan("enterprise", effective="at_renewal").cancel()
    assert account["scheduled_changes"] == []


@pytest.mark.parametrize("auto_renewal", [True, False])
def test_at_the_end_of_the_term(account, auto_renewal):
    account.update(auto_renewal=auto_renewal)
    account.at("2026-05-01").cancel(effective="end_of_term", reason="too dear", requested_by="ada")
    assert account.told == ["cancellation_scheduled"]
    assert account["status"] == "active"
    assert account["scheduled_changes"] == [
        {
            "change_id": "cancellation",
            "kind": "cancellation",
            "effective_at": instant(END),
            "from_term": 2,
            "reason": "too dear",
            "requested_by": "ada",
            "requested_at": instant("2026-05-01"),
        }
    ]
    account.at("2027-02-03").advance()
    assert account.told == ["renewal_started", "cancelled"]
    assert account["status"] == "cancelled"
    assert account["cancelled_at"] == instant(END)
    assert account["cancellation_reason"] == "too dear"
    assert account["last_modified_by"] == account.changes[-1].by == "lifecycle"


def test_a_scheduled_one_can_be_made_immediate_and_keeps_its_reason(account):
    account.cancel(effective="end_of_term", reason="too dear").cancel()
    assert account["status"] == "cancelled"
    assert account["cancellation_reason"] == "too dear"


def test_a_new_reason_replaces_the_old_one(account):
    account.cancel(effective="end_of_term", reason="a").cancel(effective="end_of_term", reason="b")
    assert account.told == ["cancellation_scheduled"]
    assert [each["reason"] for each in account["scheduled_changes"]] == ["b"]


def test_the_same_again_changes_nothing(account):
    account.cancel(effective="end_of_term").at("2026-06-01").cancel(effective="end_of_term")
    assert isinstance(account.verdict.outcome, Unchanged)


def test_a_scheduled_one_can_be_withdrawn(account):
    account.cancel(effective="end_of_term").send("withdraw_cancellation")
    assert account.told == ["cancellation_withdrawn"]
    account.at(END).advance()
    assert account["status"] == "active"
    account.send("withdraw_cancellation")
    assert isinstance(account.verdict.outcome, Unchanged)


def test_a_draft_has_no_term_to_end():
    draft = Account(START).create(contract_type="basic", status="draft")
    assert draft.cancel(effective="end_of_term").refused == "invalid_transition"


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_what_has_ended_cannot_be_cancelled(account, ending):
    account.update(auto_renewal=False)
    if ending == "cancelled":
        account.cancel()
    account.at("2027-02-01")
    assert account.cancel().refused == "invalid_transition"
    assert account.send("withdraw_cancellation").refused == "invalid_transition"


@pytest.mark.parametrize("status", ["draft", "active", "pending_renewal", "expired", "cancelled"])
def test_delete_removes_it_in_any_status(status):
    account = Account(START).create(
        contract_type="basic", auto_renewal=False, status="draft" if status == "draft" else "active"
    )
    if status == "cancelled":
        account.cancel()
    account.at({"pending_renewal": "2027-01-29", "expired": "2027-02-01"}.get(status, "2026-03-01"))
    account.send("delete", reason="by mistake")
    assert account.told[-1] == "deleted"
    assert account.contract is None
    former = account.verdict.former
    assert former["status"] == status
    assert account.changes[-1].contract == former
    assert account.changes[-1].reason == "by mistake"
    assert account.changes[-1].version == former["version"] + 1


def test_after_a_delete_the_account_is_free(account):
    account.send("delete").create(contract_type="enterprise")
    assert account.applied
    assert account["version"] == 1
