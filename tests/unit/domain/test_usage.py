"""`report_usage`: what is known of usage, and how it comes to be told of."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumer.domain.erasure import erased
from consumer.domain.model import Policy, Unchanged
from schemas.views import visible
from tests.unit.domain.story import Account, as_json

START = "2026-01-31"


def basic(at: str = "2026-03-11", **terms) -> Account:
    """A contract with room for 100 trades, 1,000 in value and 10 trades at once."""
    limits = {"max_monthly_trades": 100, "max_trade_value": 1000, "max_concurrent_trades": 10}
    terms = {"contract_type": "basic", "usage_limits": limits, "notice_days": []} | terms
    return Account(START).create(**terms).at(at)


def known(account: Account) -> dict:
    """What the contract keeps, as `period metric: (value, reached)`."""
    return {
        f"{each['period']} {each['metric']}": (each["value"], each["reached"])
        for each in account["lifecycle"].get("usage", [])
    }


def test_a_report_is_kept_and_makes_no_version():
    account = basic()
    before = account.contract
    account.used(79)
    assert (account.applied, account.told, account["version"]) == (True, [], 1)
    assert known(account) == {"2026-03 monthly_trades": (79, None)}
    assert visible(account.contract) == visible(before), "no event and no reader shows it"


def test_value_is_exact():
    account = basic().used(799.9999, metric="trade_value")
    assert known(account) == {"2026-03 trade_value": (Decimal("799.9999"), None)}
    assert account.used(800, metric="trade_value").told == ["trade_value 80"]


@pytest.mark.parametrize("again", [79, 78, 0])
def test_what_is_not_above_the_known_value_changes_nothing(again):
    account = basic().used(79)
    before = account.contract
    account.used(again)
    assert account.verdict.outcome == Unchanged("monthly_trades in 2026-03 is known to be 79 already")
    assert account.contract is before


def test_nothing_used_is_worth_knowing_once():
    account = basic().used(0)
    assert account.applied
    assert known(account) == {"2026-03 monthly_trades": (0, None)}
    assert not account.used(0).applied


@pytest.mark.parametrize("metric", ["monthly_trades", "concurrent_trades"])
def test_trades_are_counted_in_whole_numbers(metric):
    account = basic().used(3.5, metric=metric)
    assert account.refused == "invalid_terms"
    assert account.mistakes == {"/value": "must be a whole number of trades"}


@pytest.mark.parametrize(
    ("now", "period", "refused"),
    [
        ("2026-03-31T23:59:59.999", "2026-03", None),
        ("2026-03-31T23:59:59.999", "2026-04", "period_ahead"),
        ("2026-04-01T00:00:00", "2026-04", None),
        ("2026-04-01T00:00:00", "2026-03", None),
        ("2026-04-01T00:00:00", "2026-02", "period_closed"),
        ("2026-03-31T23:59:59.999", "2026-02", None),
        ("2027-01-01T00:00:00", "2026-12", None),
        ("2027-01-01T00:00:00", "2026-11", "period_closed"),
        ("2026-12-31T23:59:59.999", "2027-01", "period_ahead"),
        ("2026-04-01T00:00:00", "0000-05", "period_closed"),
        ("2026-04-01T00:00:00", "9999-12", "period_ahead"),
    ],
)
def test_the_record_time_says_which_periods_are_open(now, period, refused):
    account = basic(now).used(85, period=period)
    assert account.refused == refused
    assert [each["threshold"] for each in account.reached] == ([] if refused else [80])


def test_the_last_month_that_can_be_written_is_one_like_any_other():
    account = Account("9999-11-30").create(contract_type="basic", notice_days=[]).at("9999-12-30")
    (reached,) = account.used(9_000).reached
    assert (reached["days_left"], reached["projected_value"]) == (2, 9621)


def test_two_periods_are_kept():
    account = basic("2026-03-31").used(1).used(2, period="2026-02")
    account.at("2026-04-01").used(3)
    assert known(account) == {"2026-03 monthly_trades": (1, None), "2026-04 monthly_trades": (3, None)}
    account.at("2026-07-01").used(4, metric="concurrent_trades", period="2026-06")
    assert known(account) == {"2026-06 concurrent_trades": (4, None)}


def test_a_report_for_the_last_period_is_told_of_as_it_ended():
    account = basic("2026-03-02").used(10).used(90, period="2026-02")
    (reached,) = account.reached
    assert (reached["period"], reached["days_left"], reached["projected_value"]) == ("2026-02", 0, 90)


def test_reports_that_pile_up_in_an_outage_are_told_of_once_each_threshold():
    account = basic("2026-04-02")
    for period in ("2026-02", "2026-03", "2026-04"):
        for value in (50, 81, 99, 100):
            account.used(value, period=period)
    assert account.story[1:] == ["monthly_trades 80", "monthly_trades 100"] * 2


def test_the_log_may_run_backwards():
    account = basic("2026-04-01").used(5, period="2026-03")
    account.at("2026-03-31T23:59:59").used(6, period="2026-04")
    assert account.applied, "a contract's time never does"


@pytest.mark.parametrize("status", ["draft", "expired", "cancelled"])
def test_only_running_contracts_take_reports(status):
    account = basic(auto_renewal=False, status="draft" if status == "draft" else "active")
    if status == "cancelled":
        account.cancel()
    if status == "expired":
        account.at("2027-02-01").advance()
    account.used(85)
    assert account["status"] == status
    assert account.refused == "invalid_transition"


def test_one_in_its_renewal_window_and_one_that_starts_later_take_them():
    assert basic("2027-01-10").advance().used(85).told == ["monthly_trades 80"]
    later = basic("2026-02-03", start_date="2026-02-20", end_date="2027-02-20")
    assert later.used(85).told == ["monthly_trades 80"]


def test_no_contract_no_report():
    assert Account(START).used(1).refused == "contract_not_found"


def test_it_can_be_meant_for_one_contract():
    account = basic()
    account.send("report_usage", period="2026-03", metric="trade_value", value=1, contract_id="another")
    assert account.refused == "contract_id_mismatch"


def test_a_contract_in_the_place_of_another_starts_with_nothing_known():
    account = basic().used(90).cancel().create(contract_type="basic")
    assert known(account) == {}


def test_one_that_expired_and_is_renewed_goes_on_with_what_is_known():
    account = basic("2027-01-30", auto_renewal=False).used(85)
    account.at("2027-02-02").advance().renew()
    assert known(account) == {"2027-01 monthly_trades": (85, 80)}


def test_an_erased_one_is_told_of_without_contacts():
    contact = {"name": "Ada", "email": "ada@example.com"}
    account = basic(primary_contact=contact, billing_contact={"email": "bill@example.com"})
    (before,) = account.used(80).reached
    assert (before["primary_contact"], before["billing_contact"]["email"]) == (contact, "bill@example.com")
    (after,) = account.send("erase").used(100).reached
    assert {"primary_contact", "billing_contact"}.isdisjoint(after)
    assert erased(account.contract)["lifecycle"] == account["lifecycle"], "usage is not personal"


def test_thresholds_of_the_settings_become_the_contracts_own():
    account = Account(START, Policy(usage_thresholds=(50, 90))).create(contract_type="basic")
    assert account["usage_thresholds"] == [50, 90]
    account.policy = Policy()
    assert account.at("2026-03-11").used(5_000).told == ["monthly_trades 50"]


def test_a_contract_that_has_none_has_the_usual_ones():
    """So has every one that was stored before there were any."""
    account = Account(START).create(contract_type="basic")
    assert "usage_thresholds" not in account.contract
    account.policy = Policy(usage_thresholds=(50,))
    assert account.used(8_000, period="2026-01").told == ["monthly_trades 80"]


def test_the_event_needs_no_look_up():
    account = basic(
        primary_contact={"name": "Ada", "email": "ada@example.com"},
        usage_based_pricing={
            "trade_volume_tiers": [
                {"min_trades": 0, "max_trades": 50, "price_per_trade": 0.5},
                {"min_trades": 50, "max_trades": None, "price_per_trade": 0.125},
            ],
            "trade_value_tiers": [{"min_value": 100, "max_value": 500, "percentage_fee": 0.05}],
        },
    ).used(777.5, metric="trade_value")
    (notice,) = account.used(80).reached
    assert as_json(notice) == {
        "account_id": "acc-1",
        "contract_id": account["contract_id"],
        "contract_type": "basic",
        "period": "2026-03",
        "metric": "monthly_trades",
        "threshold": 80,
        "skipped_thresholds": [],
        "limit": 100,
        "value": 80,
        "percent": 80,
        "days_left": 21,
        "projected_value": 248,
        "overage": {"trade_volume_fee": 28.75, "trade_value_fee": 0.2, "total": 28.95},
        "base_monthly_fee": 99,
        "currency": "USD",
        "covering_plan": {"contract_type": "basic", "base_monthly_fee": 99, "difference": 0},
        "primary_contact": {"name": "Ada", "email": "ada@example.com"},
        "effective_at": "2026-03-11T00:00:00Z",
        "occurred_at": "2026-03-11T00:00:00Z",
    }
