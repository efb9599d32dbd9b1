"""What time brings: in order of due time, whenever somebody looks."""

from __future__ import annotations

import pytest

from tests.unit.domain.story import Account, instant

START, END = "2026-01-31", "2027-01-31"


def account(**terms) -> Account:
    return Account(START).create(contract_type="basic", **terms)


def test_the_window_opens_whether_or_not_it_renews_by_itself():
    for auto_renewal in (True, False):
        contract = account(auto_renewal=auto_renewal, notice_days=[]).at("2027-01-01").advance()
        assert contract.told == ["renewal_started"]
        assert contract["status"] == "pending_renewal"


def test_at_its_end_it_renews():
    contract = account(notice_days=[]).at(END).advance()
    assert contract.told == ["renewal_started", "renewed"]
    assert [change.effective_at for change in contract.changes] == [instant("2027-01-01"), instant(END)]
    assert contract["term_number"] == 2
    assert contract["start_date"] == instant(START)
    assert contract["updated_at"] == instant(END)
    assert contract["last_modified_by"] == contract.changes[0].by == "lifecycle"


def test_or_it_expires():
    contract = account(notice_days=[], auto_renewal=False).at(END).advance()
    assert contract.told == ["renewal_started", "expired"]
    assert contract["status"] == "expired"
    assert contract["lifecycle"]["next_action_at"] is None


def test_nothing_happens_a_millisecond_before():
    contract = account(notice_days=[]).at("2027-01-30T23:59:59.999").advance()
    assert contract["status"] == "pending_renewal"
    contract.at("2027-01-31").advance()
    assert contract["status"] == "active"


def test_after_an_outage_it_catches_up_term_by_term():
    contract = account(term_months=1, notice_days=[]).at("2026-07-01").advance()
    assert contract.told == ["renewal_started", "renewed"] * 5
    assert [change.effective_at for change in contract.changes[1::2]] == [
        instant(day) for day in ("2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30")
    ]
    assert contract["end_date"] == instant("2026-07-31")
    assert contract["version"] == 11
    assert contract["updated_at"] == instant("2026-07-01"), "who asks what changed since must not miss it"


def test_at_the_same_instant_notices_come_before_the_window_and_the_window_before_the_end():
    contract = account(notice_days=[30], auto_renewal=False).at("2027-01-01").advance()
    assert contract.told == ["notice 30", "expiring 30", "renewal_started"]
    contract = account(notice_days=[], renewal_window_days=0).change_plan(
        "enterprise", effective="at_renewal"
    )
    contract.at(END).advance()
    assert contract.told == ["renewal_started", "plan_changed", "renewed"]


def test_a_leap_day_is_kept_through_common_years():
    contract = Account("2024-02-29").create(contract_type="basic", notice_days=[])
    for year, day in ((2025, 28), (2026, 28), (2027, 28), (2028, 29)):
        assert contract["end_date"] == instant(f"{year}-02-{day}")
        contract.at(contract["end_date"]).advance()


def test_times_of_day_stay():
    contract = Account("2026-01-31T13:37:00.123").create(contract_type="basic", term_months=1)
    contract.at("2026-03-01").advance()
    assert contract["end_date"] == instant("2026-03-31T13:37:00.123")


def test_a_contract_of_one_day():
    contract = Account(START).create(contract_type="basic", end_date="2026-02-01", auto_renewal=False)
    assert contract["renewal_date"] == instant("2026-01-31T12:00")
    contract.at("2026-02-01").advance()
    assert contract.told == ["renewal_started", "expired"], "no window of a day or more applies"


def test_a_contract_of_120_months():
    contract = account(term_months=120)
    assert contract["end_date"] == instant("2036-01-31")
    contract.at("2036-01-31").advance()
    assert contract["end_date"] == instant("2046-01-31")


def test_an_odd_window_is_cut_to_whole_milliseconds():
    contract = Account("2026-01-31T00:00:00.001").create(contract_type="basic", end_date="2026-02-01")
    assert contract["renewal_date"].microsecond % 1000 == 0


@pytest.mark.parametrize("status", ["draft", "cancelled"])
def test_time_passes_neither_drafts_nor_cancelled_contracts(status):
    contract = account(status="draft")
    if status == "cancelled":
        contract.cancel()
    contract.at("2040-01-01").advance()
    assert contract.told == []


def test_at_the_end_of_the_calendar_there_is_no_further_term():
    contract = account(end_date="9999-12-31").at("9999-12-31").advance()
    assert contract["status"] == "expired"


def test_twice_at_once_is_once():
    contract = account().at(END).advance().advance()
    assert contract.told == []
