"""`adopt`: changes that wait on a contract when it is taken over."""

from __future__ import annotations

import pytest

from tests.unit.domain.legacy import NOW, WHOLE, adopted


def planned(kind="cancellation", **more) -> dict:
    return {
        "kind": kind,
        "effective_at": WHOLE["end_date"],
        "requested_by": "ada",
        "requested_at": NOW,
    } | more


def test_a_plan_change_does_not_wait_for_a_term_that_has_begun():
    change = planned("plan_change", contract_type="basic", effective_at="2026-01-01")
    account = adopted(term_start="2026-01-01", term_number=3, scheduled_changes=[change])
    assert list(account.mistakes) == ["/scheduled_changes/0/effective_at"]


AMENDMENT = planned("amendment", change_id="fee", changes={"base_monthly_fee": 5})


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ([planned(), planned()], "/scheduled_changes/1/kind"),
        ([planned(), planned(change_id="end", effective_at="2027-05-01")], "/scheduled_changes/1/kind"),
        ([AMENDMENT | {"effective_at": "2023-12-31"}], "/scheduled_changes/0/effective_at"),
        ([planned(effective_at="2027-01-30")], "/scheduled_changes/0/effective_at"),
        ([planned("plan_change")], "/scheduled_changes/0/contract_type"),
        ([planned(contract_type="basic")], "/scheduled_changes/0/contract_type"),
        ([planned(overrides={})], "/scheduled_changes/0/overrides"),
        (
            [planned("plan_change", contract_type="basic", overrides={"add_ons": WHOLE["add_ons"] * 2})],
            "/scheduled_changes/0/overrides/add_ons/1/name",
        ),
    ],
)
def test_scheduled_changes_that_cannot_be(changes, path):
    account = adopted(scheduled_changes=changes)
    assert account.refused == "invalid_terms"
    assert list(account.mistakes) == [path]


def test_a_draft_has_no_scheduled_changes():
    account = adopted(status="draft", scheduled_changes=[planned()])
    assert account.mistakes == {"/scheduled_changes/0/kind": "cannot wait on a contract that is draft"}


def test_an_expired_one_may_wait_with_its_plan_change_for_a_late_renewal():
    change = planned("plan_change", contract_type="basic", effective_at="2026-12-10")
    account = adopted(status="expired", end_date="2026-12-10", scheduled_changes=[change]).renew()
    assert account.told == ["renewed", "plan_changed"]


def test_after_an_early_renewal_a_plan_change_waits_for_the_term_agreed_on():
    agreed = {"term_start": "2027-01-01", "end_date": "2027-12-31", "term_number": 2}
    change = planned("plan_change", contract_type="basic", effective_at="2027-01-01")
    account = adopted(**agreed, scheduled_changes=[change]).at("2027-01-01").advance()
    assert account.told == ["plan_changed"]


def test_all_mistakes_are_told_at_once():
    account = adopted(end_date="2024-01-01", currency="ABC", cancelled_at=NOW, scheduled_changes=[planned()])
    assert set(account.mistakes) == {
        "/currency",
        "/end_date",
        "/cancelled_at",
        "/scheduled_changes/0/effective_at",
    }


FEE = planned("amendment", changes={"base_monthly_fee": 5})


def test_an_amendment_without_an_id_gets_one_and_keeps_its_time():
    changes = [FEE | {"effective_at": "2026-12-25"}, FEE]
    account = adopted(scheduled_changes=changes)
    first, second = account["scheduled_changes"]
    assert not {"from_term"} & (first.keys() | second.keys()), "a time stays one when the end moves"
    assert first["change_id"].removesuffix("_1") == second["change_id"].removesuffix("_2")
    assert first["change_id"].startswith("change_")
    account.at("2026-12-26").advance()
    assert account.told == ["amended"]


def test_a_change_for_a_later_term_without_an_id_keeps_its_term():
    third = {"from_term": 3, "effective_at": "2029-01-01"}
    changes = [planned("plan_change", contract_type="basic", **third), FEE | third]
    account = adopted(end_date="2028-01-01", term_months=12, scheduled_changes=changes)
    assert [each["from_term"] for each in account["scheduled_changes"]] == [3, 3]
    assert {each["change_id"][:7] for each in account["scheduled_changes"]} == {"change_"}
