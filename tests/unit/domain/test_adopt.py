"""`adopt`: a contract taken over from an older system as it stands."""

from __future__ import annotations

import pytest

from consumer.domain.decider import decide
from consumer.domain.model import Policy
from schemas.views import visible
from tests.unit.domain.legacy import LEAST, NOW, WHOLE, adopted
from tests.unit.domain.story import Account, as_json, command, instant


def test_it_is_taken_over_unchanged():
    account = Account(NOW).send("adopt", **WHOLE)
    assert account.told == ["adopted"]
    [planned] = WHOLE["scheduled_changes"]
    scheduled = [planned | {"change_id": "plan_change", "from_term": 4}]
    whole = WHOLE | {"account_id": "acc-1", "scheduled_changes": scheduled}
    assert as_json(visible(account.contract)) == whole
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


def test_it_needs_a_free_account_and_an_id_of_its_own():
    account = Account(NOW).send("adopt", **WHOLE)
    assert account.send("adopt", **WHOLE | {"contract_id": "legacy-8"}).refused == "contract_exists"
    account.cancel()
    assert account.send("adopt", **WHOLE).refused == "contract_exists"
    account.send("adopt", **WHOLE | {"contract_id": "legacy-8"})
    assert account.applied
    assert account.verdict.former["contract_id"] == "legacy-7"
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
    assert "HRK" in account.verdict.outcome.message
