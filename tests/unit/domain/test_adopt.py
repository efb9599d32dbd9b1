"""`adopt`: a contract taken over from an older system as it stands."""

from __future__ import annotations

import pytest

from consumer.domain.decider import decide
from consumer.domain.model import Policy
from schemas.contract import visible
from tests.unit.domain.story import Account, as_json, command, instant

NOW = "2026-12-20"

WHOLE = {
    "contract_id": "legacy-7",
    "contract_type": "professional",
    "status": "active",
    "start_date": "2024-01-01T00:00:00Z",
    "end_date": "2027-01-31T00:00:00Z",
    "term_start": "2026-01-01T00:00:00Z",
    "term_number": 3,
    "renewal_date": "2027-01-10T00:00:00Z",
    "auto_renewal": False,
    "term_months": 12,
    "renewal_window_days": 30,
    "renewal_grace_days": 10,
    "notice_days": [60, 30, 5],
    "base_monthly_fee": 250.5,
    "currency": "EUR",
    "usage_limits": {"max_monthly_trades": 9},
    "features": ["x"],
    "tags": ["old"],
    "add_ons": [{"name": "a", "monthly_fee": 1}],
    "metadata": {"k": "v"},
    "scheduled_changes": [
        {
            "kind": "plan_change",
            "effective_at": "2027-01-31T00:00:00Z",
            "contract_type": "enterprise",
            "requested_by": "ada",
            "requested_at": "2026-05-01T00:00:00Z",
        }
    ],
    "created_at": "2023-12-01T00:00:00Z",
    "updated_at": "2026-05-01T00:00:00Z",
    "created_by": "ada",
    "last_modified_by": "bob",
    "version": 17,
}
LEAST = {
    name: WHOLE[name]
    for name in (
        "contract_id",
        "contract_type",
        "status",
        "start_date",
        "end_date",
        "base_monthly_fee",
        "usage_limits",
    )
}


def adopted(**changed) -> Account:
    data = {name: value for name, value in (LEAST | changed).items() if value is not None}
    return Account(NOW).send("adopt", **data)


def test_it_is_taken_over_unchanged():
    account = Account(NOW).send("adopt", **WHOLE)
    assert account.told == ["adopted"]
    assert as_json(visible(account.contract)) == WHOLE | {"account_id": "acc-1"}
    assert account.changes[0].version == 17


def test_what_is_missing_is_filled_in():
    account = adopted(requested_by="eve")
    assert account["version"] == 1
    assert account["term_start"] == account["start_date"]
    assert account["term_months"] == 37
    assert account["renewal_date"] == instant("2027-01-01")
    assert account["features"] == []
    assert account["created_at"] == account["updated_at"] == instant(NOW)
    assert account["created_by"] == "eve"
    assert account["notice_days"] == [90, 60, 30, 14, 7, 1]


def test_the_last_change_known_is_the_creation_where_nothing_else_is():
    account = adopted(updated_at="2026-05-01")
    assert account["created_at"] == account["updated_at"] == instant("2026-05-01")


def test_windows_already_past_are_not_noticed():
    account = Account(NOW).send("adopt", **WHOLE)
    assert not account.notices
    account.at("2027-01-05").advance()
    assert account.told == ["notice 30", "expiring 30"]
    assert account.notices[0]["missed_windows"] == []


def test_but_it_is_expiring_when_it_comes_to_lapse_inside_one():
    account = Account(NOW).send("adopt", **WHOLE | {"auto_renewal": True}).update(auto_renewal=False)
    assert account.told == ["updated", "expiring 60"]


def test_what_is_due_on_it_happens_at_once():
    account = adopted(end_date="2026-12-01", term_months=1, auto_renewal=True)
    assert account.told == ["adopted", "renewal_started", "renewed", "renewal_started", "notice 14"]
    assert account["end_date"] == instant("2027-01-01")
    assert account["term_number"] == 2


def test_later_terms_are_anchored_on_its_end():
    account = adopted(end_date="2027-02-28", term_months=1, notice_days=[]).at("2027-02-28").advance()
    assert account["end_date"] == instant("2027-03-28")


@pytest.mark.parametrize("status", ["draft", "active", "pending_renewal", "expired", "cancelled"])
def test_in_any_status(status):
    end = {"expired": "2026-12-01", "active": "2027-03-01"}.get(status, "2027-01-10")
    account = adopted(status=status, end_date=end)
    assert account.told == ["adopted"]
    assert account["status"] == status


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"end_date": "2024-01-01"}, "/end_date"),
        ({"term_start": "2023-01-01"}, "/term_start"),
        ({"term_start": "2027-01-31"}, "/term_start"),
        ({"renewal_date": "2027-02-01"}, "/renewal_date"),
        ({"renewal_date": "2023-12-31"}, "/renewal_date"),
        ({"created_at": "2026-01-02", "updated_at": "2026-01-01"}, "/updated_at"),
        ({"created_at": "2026-12-21"}, "/created_at"),
        ({"created_at": "2026-12-01", "updated_at": "2026-12-21"}, "/updated_at"),
        ({"status": "expired"}, "/status"),
        ({"status": "pending_renewal"}, "/status"),
        ({"end_date": "2025-12-01"}, "/end_date"),
        ({"cancelled_at": "2026-01-01"}, "/cancelled_at"),
        ({"cancellation_reason": "x"}, "/cancellation_reason"),
        ({"status": "cancelled", "cancelled_at": "2027-01-01"}, "/cancelled_at"),
        ({"currency": "ABC"}, "/currency"),
    ],
)
def test_combinations_that_no_contract_has(changed, path):
    account = adopted(**changed)
    assert account.refused == "invalid_terms"
    assert list(account.mistakes) == [path]


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


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ([planned(), planned()], "/scheduled_changes/1/kind"),
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


def test_it_needs_a_free_account_and_an_id_of_its_own():
    account = Account(NOW).send("adopt", **WHOLE)
    assert account.send("adopt", **WHOLE | {"contract_id": "legacy-8"}).refused == "contract_exists"
    account.cancel()
    assert account.send("adopt", **WHOLE).refused == "contract_exists"
    account.send("adopt", **WHOLE | {"contract_id": "legacy-8"})
    assert account.applied
    assert account.decision.former["contract_id"] == "legacy-7"
    assert Account(NOW).send("adopt", **LEAST, expected_version=3).refused == "version_conflict"


def test_an_id_belongs_to_the_account_that_had_it_first():
    adopt = command("adopt", WHOLE, 5)
    for holder, code in {"other": "contract_id_taken", adopt.account_id: None}.items():
        outcome = decide(None, adopt, instant(NOW), Policy(), {WHOLE["contract_id"]: holder}).outcome
        assert getattr(outcome, "code", None) == code


OWN_WINDOW = {"renewal_date": "2027-01-10T00:00:00Z", "end_date": "2027-01-31T00:00:00Z"}


@pytest.mark.parametrize(
    "changes",
    [{"term_months": 1}, {"end_date": OWN_WINDOW["end_date"], "notes": "n"}, {"renewal_window_days": 30}],
)
def test_its_own_renewal_date_stays_until_the_end_or_the_window_moves(changes):
    """A renewal's length says nothing of the running term."""
    for status in ("active", "draft"):
        account = adopted(**OWN_WINDOW, status=status, renewal_window_days=30, term_months=12)
        account.update(**changes | {"tags": ["x"]})
        assert account.applied
        assert account["renewal_date"] == instant("2027-01-10")
    account.update(renewal_window_days=10)
    assert account["renewal_date"] == instant("2027-01-21")


def test_a_renewals_length_does_not_end_the_renewal_window():
    account = adopted(**OWN_WINDOW, renewal_window_days=5, auto_renewal=False).at("2027-01-11").advance()
    assert account["status"] == "pending_renewal"
    account.update(term_months=1)
    assert account["status"] == "pending_renewal"


@pytest.mark.parametrize("code", ["HRK", "ZWL", "DEM"])
def test_a_currency_of_the_past_is_taken_with_what_is_over(code):
    """They were lawful when the contract was made; nothing is to be paid in them any more."""
    over = {"start_date": "2020-01-01", "end_date": "2021-01-01", "currency": code}
    for status in ("expired", "cancelled"):
        account = adopted(**over, status=status)
        assert (account.applied, account["currency"]) == (True, code)
    assert adopted(currency=code, end_date="2027-01-01").mistakes.keys() == {"/currency"}
    assert adopted(status="expired", currency="XXY", end_date="2026-01-01").mistakes.keys() == {"/currency"}


def test_a_contract_in_a_currency_of_the_past_does_not_come_to_life_again():
    account = adopted(status="expired", currency="HRK", end_date="2026-12-10")
    account.renew()
    assert account.refused == "invalid_transition"
    assert "HRK" in account.decision.outcome.message
