"""What `limit_reached` computes: projection, overage, and the plan that would do."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.domain.test_usage import basic


def told(account):
    (reached,) = account.reached
    return reached


@pytest.mark.parametrize(
    ("now", "projected", "days_left"),
    [
        ("2026-03-01T00:00:00", 2480, 31),
        ("2026-03-01T18:00:00", 2480, 31),
        ("2026-03-02T00:00:00", 2480, 30),
        ("2026-03-16T12:00:00", 160, 16),
        ("2026-03-31T23:59:59.999", 80, 1),
        ("2026-02-15T00:00:00", 160, 14),
    ],
)
def test_usage_goes_on_as_so_far_and_at_least_a_day_counts(now, projected, days_left):
    reached = told(basic(now).used(80))
    assert (reached["projected_value"], reached["days_left"]) == (projected, days_left)


def test_a_contract_is_used_from_its_start():
    account = basic("2026-02-03", start_date="2026-02-20", end_date="2027-02-20").at("2026-02-23")
    assert told(account.used(90))["projected_value"] == 270


def test_one_used_before_its_start_is_projected_over_the_whole_month():
    account = basic("2026-02-08", start_date="2026-02-20", end_date="2027-02-20")
    assert told(account.used(84))["projected_value"] == 336


def test_value_is_projected_to_four_decimals_and_a_peak_stays():
    assert told(basic("2026-03-04").used(999.9999, metric="trade_value"))["projected_value"] == Decimal(
        "10333.3323"
    )
    assert told(basic("2026-03-04").used(9, metric="concurrent_trades"))["projected_value"] == 9


@pytest.mark.parametrize(("value", "percent"), [(2, "66.66"), (3, "100")])
def test_per_cent_are_rounded_down(value, percent):
    account = basic(usage_limits={"max_monthly_trades": 3}, usage_thresholds=[50]).used(value)
    assert told(account)["percent"] == Decimal(percent)


def test_no_number_is_too_large_for_json():
    account = basic(usage_limits={"max_trade_value": 0.0001}).used(999_999_999_999_999, metric="trade_value")
    assert (told(account)["percent"], told(account)["projected_value"]) == (10**15, 10**15)


TIERS = {
    "trade_volume_tiers": [
        {"min_trades": 10, "max_trades": 20, "price_per_trade": 2},
        {"min_trades": 30, "max_trades": 40, "price_per_trade": 1},
    ],
    "trade_value_tiers": [
        {"min_value": 0, "max_value": 0.5, "percentage_fee": 1},
        {"min_value": 0.5, "max_value": None, "percentage_fee": 0.3333},
    ],
}


@pytest.mark.parametrize(
    ("trades", "fee"), [(9, 0), (10, 0), (11, 2), (20, 20), (30, 20), (35, 25), (40, 30), (99, 30)]
)
def test_the_part_in_each_tier_is_charged(trades, fee):
    account = basic(usage_based_pricing=TIERS, usage_thresholds=[1]).used(trades)
    assert told(account)["overage"] == {"trade_volume_fee": fee, "trade_value_fee": 0, "total": fee}


def test_both_kinds_of_tiers_count_whatever_was_crossed():
    account = basic(usage_based_pricing=TIERS).used(10).used(15)
    overage = told(account.used(800.5, metric="trade_value"))["overage"]
    assert overage == {
        "trade_volume_fee": 10,
        "trade_value_fee": Decimal("2.6714"),
        "total": Decimal("12.6714"),
    }


@pytest.mark.parametrize(
    ("trades", "plan"),
    [
        (10_000, ("basic", 99, 89)),
        (10_001, ("professional", 299, 289)),
        (50_001, ("enterprise", 999, 989)),
        (100_001, None),
    ],
)
def test_the_cheapest_template_with_room_is_named(trades, plan):
    account = basic("2026-04-01", base_monthly_fee=10).used(trades, period="2026-03")
    assert _plan(told(account)) == plan


def test_it_has_room_for_every_metric():
    account = basic("2026-04-01").used(600_000, metric="trade_value", period="2026-03")
    assert _plan(told(account.used(100, period="2026-03"))) == ("enterprise", 999, 900)


def test_one_that_costs_less_has_a_difference_below_zero():
    account = basic("2026-04-01", base_monthly_fee=150.5).used(100, period="2026-03")
    assert _plan(told(account)) == ("basic", 99, Decimal("-51.5"))


def test_fees_in_another_currency_are_not_compared():
    assert "covering_plan" not in told(basic(currency="EUR").used(100))


def _plan(notice):
    plan = notice.get("covering_plan")
    return plan and (plan["contract_type"], plan["base_monthly_fee"], plan["difference"])
