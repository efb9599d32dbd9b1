"""What a change of fee within a month costs: days at the old fee against days at the new one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.story import Account, as_json


def told(account: Account) -> dict | None:
    """The proration of the last decision's only change, as consumers see it."""
    (change,) = account.changes
    return None if change.proration is None else as_json(change.proration)


def account_at(start: str, fee: float = 100, **data) -> Account:
    return Account(start).create(contract_type="basic", base_monthly_fee=fee, notice_days=[], **data)


def test_the_days_that_are_left_are_credited_at_the_old_fee_and_charged_at_the_new_one():
    account = account_at("2026-01-15T09:30", 299).at("2026-02-03T11:04").update(base_monthly_fee=279.5)
    assert told(account) == {
        "from": "2026-02-03T00:00:00Z",
        "to": "2026-02-15T00:00:00Z",
        "days": 12,
        "of_days": 31,
        "credit": 115.74,
        "charge": 108.19,
        "net": -7.55,
    }


def test_a_plan_change_now_is_prorated_by_its_new_fee():
    account = account_at("2026-04-01", 99).at("2026-04-21").change_plan("professional")
    assert told(account) == {
        "from": "2026-04-21T00:00:00Z",
        "to": "2026-05-01T00:00:00Z",
        "days": 10,
        "of_days": 30,
        "credit": 33,
        "charge": 99.67,
        "net": 66.67,
    }


def test_add_ons_count_as_far_as_they_are_active():
    account = account_at("2026-04-01", 30).at("2026-04-16")
    account.update(
        add_ons=[{"name": "a", "monthly_fee": 60}, {"name": "b", "monthly_fee": 9, "active": False}]
    )
    assert (told(account)["credit"], told(account)["charge"]) == (15, 45)
    assert told(account.update(add_ons=[{"name": "a", "monthly_fee": 60}])) is None, "the fee is the same"


@pytest.mark.parametrize(
    ("currency", "credit", "charge"),
    [("JPY", 33, 67), ("USD", 33.33, 66.67), ("KWD", 33.333, 66.667), ("CLF", 33.3333, 66.6667)],
)
def test_amounts_are_rounded_to_what_can_be_paid_in_the_currency(currency, credit, charge):
    account = account_at("2026-04-01", currency=currency).at("2026-04-21").update(base_monthly_fee=200)
    assert (told(account)["credit"], told(account)["charge"]) == (credit, charge)


def test_half_a_minor_unit_is_rounded_up_on_both_sides():
    account = account_at("2026-04-01", 0.01).at("2026-04-16").update(base_monthly_fee=0.03)
    assert (told(account)["credit"], told(account)["charge"], told(account)["net"]) == (0.01, 0.02, 0.01)


@pytest.mark.parametrize(
    ("start", "at", "begin", "to", "of_days"),
    [
        ("2026-01-31", "2026-02-10", "2026-02-10", "2026-02-28", 28),
        ("2026-01-31", "2026-02-28T00:00:00.001", "2026-02-28", "2026-03-31", 31),
        ("2026-01-31", "2026-03-30", "2026-03-30", "2026-03-31", 31),
        ("2028-01-31", "2028-02-28", "2028-02-28", "2028-02-29", 29),
        ("2026-01-31T09:30", "2026-02-28T10:00", "2026-02-28", "2026-03-31", 31),
        ("2026-12-15", "2027-01-01", "2027-01-01", "2027-01-15", 31),
    ],
    ids=["short month", "first day", "last day", "leap year", "after its hour", "over the year's end"],
)
def test_months_are_anchored_on_the_day_of_the_start(start, at, begin, to, of_days):
    prorated = told(account_at(start).at(at).update(base_monthly_fee=200))
    assert (prorated["from"], prorated["to"]) == (f"{begin}T00:00:00Z", f"{to}T00:00:00Z")
    assert prorated["of_days"] == of_days


@pytest.mark.parametrize("at", ["2026-02-15T00:00", "2026-02-15T09:29", "2026-02-15T09:30"])
def test_until_a_month_begins_nothing_is_paid_for_it(at):
    assert told(account_at("2026-01-15T09:30").at(at).update(base_monthly_fee=200)) is None


def test_what_begins_later_or_is_a_draft_has_nothing_paid():
    later = account_at("2026-01-15", start_date="2026-03-01").at("2026-02-03").update(base_monthly_fee=200)
    assert told(later) is None
    assert (
        told(account_at("2026-01-15", status="draft").at("2026-02-03").update(base_monthly_fee=200)) is None
    )


def test_a_fee_that_comes_with_a_renewal_is_paid_from_its_beginning():
    account = account_at("2026-01-15T09:30", term_months=3, renewal_window_days=0)
    account.change_plan("enterprise", effective="at_renewal").at("2026-05-01").advance()
    assert account.told == ["renewal_started", "plan_changed", "renewed"]
    assert [change.proration for change in account.changes] == [None, None, None]


def test_after_an_early_renewal_the_running_month_is_prorated():
    account = account_at("2026-01-31", term_months=3).at("2026-02-05").renew()
    prorated = told(account.at("2026-03-30").update(base_monthly_fee=200))
    assert (prorated["from"], prorated["to"], prorated["of_days"]) == (
        "2026-03-30T00:00:00Z",
        "2026-03-31T00:00:00Z",
        31,
    )


def test_the_last_month_of_a_term_ends_with_it():
    account = account_at("2026-01-31", end_date="2026-04-20", renewal_window_days=5)
    prorated = told(account.at("2026-04-10").update(base_monthly_fee=200))
    assert (prorated["to"], prorated["days"], prorated["of_days"]) == ("2026-04-20T00:00:00Z", 10, 30)


def test_after_a_given_end_months_begin_where_the_next_term_does():
    account = account_at("2026-01-31", end_date="2026-04-20", term_months=3, renewal_window_days=0)
    account.at("2026-04-21").advance()
    prorated = told(account.at("2026-05-19").update(base_monthly_fee=200))
    assert (prorated["to"], prorated["days"], prorated["of_days"]) == ("2026-05-20T00:00:00Z", 1, 30)


def test_after_a_late_renewal_months_begin_with_it():
    account = account_at("2026-01-31", term_months=3, auto_renewal=False)
    account.at("2026-05-10").advance().renew()
    prorated = told(account.at("2026-06-08").update(base_monthly_fee=200))
    assert (prorated["to"], prorated["days"], prorated["of_days"]) == ("2026-06-10T00:00:00Z", 2, 31)


def test_a_cancellation_credits_nothing():
    assert told(account_at("2026-01-15").at("2026-02-03").cancel()) is None


START = st.builds(
    lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), st.integers(0, 157_000_000)
)


@given(START, st.integers(1, 1000), st.integers(0, 10**9), st.integers(0, 10**9))
def test_days_add_up_to_whole_months(start, days, old, new):
    """Counted one by one: as many days at the old fee as have passed, and the others at the new one."""
    account = account_at(start.isoformat(), old / 100, term_months=120)
    at = start + timedelta(days=days, hours=1)
    account.at(at).update(base_monthly_fee=new / 100)
    if old == new:
        return
    (change,) = account.changes
    first = _day(start)
    boundaries = _boundaries(first, 40)
    begin = max(day for day in boundaries if day <= _day(at))
    end = min(day for day in boundaries if day > _day(at))
    if at <= begin + (start - first):
        assert change.proration is None
        return
    left, whole = sum(1 for _ in _days(_day(at), end)), sum(1 for _ in _days(begin, end))
    assert (change.proration["days"], change.proration["of_days"]) == (left, whole)
    exact = Decimal(new - old) / 100 * left / whole
    assert abs(change.proration["net"] - exact) <= Decimal("0.01")


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0)


def _boundaries(first: datetime, months: int) -> list[datetime]:
    """First days of the months: the start's day or, where there is none, the last day."""
    days = []
    for number in range(months):
        year, month = divmod(first.year * 12 + first.month - 1 + number, 12)
        last = (datetime(year + (month == 11), (month + 1) % 12 + 1, 1, tzinfo=UTC) - timedelta(days=1)).day
        days.append(datetime(year, month + 1, min(first.day, last), tzinfo=UTC))
    return days


def _days(begin: datetime, end: datetime):
    while begin < end:
        yield begin
        begin += timedelta(days=1)
