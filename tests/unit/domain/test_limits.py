"""Thresholds: each told once, of those crossed together the highest, and afresh where there is more room."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.domain.story import as_json
from tests.unit.domain.test_usage import basic, known


@pytest.mark.parametrize(
    ("metric", "limit"), [("monthly_trades", 100), ("trade_value", 1000), ("concurrent_trades", 10)]
)
def test_every_metric_is_measured_against_its_own_limit(metric, limit):
    account = basic()
    for tenths in (7, 8, 9, 10, 11, 12, 90):
        account.used(limit * tenths // 10, metric=metric)
    assert account.story[1:] == [f"{metric} {threshold}" for threshold in (80, 100, 120)]
    assert account["version"] == 1


@pytest.mark.parametrize(
    ("value", "told"),
    [(79, []), (80, [80]), (81, [80]), (99, [80]), (100, [100]), (119, [100]), (120, [120])],
)
def test_landing_on_a_threshold_crosses_it(value, told):
    assert [each["threshold"] for each in basic().used(value).reached] == told


def test_of_those_crossed_together_the_highest_is_told_and_the_others_are_named():
    account = basic()
    (reached,) = account.used(130).reached
    assert (reached["threshold"], reached["skipped_thresholds"]) == (120, [80, 100])
    assert account.used(500).told == []
    (reached,) = basic().used(80).used(120).reached
    assert (reached["threshold"], reached["skipped_thresholds"]) == (120, [100])


def test_out_of_order_and_repeated_reports_tell_nothing_twice():
    account = basic()
    for value in (85, 60, 85, 101, 85, 101, 90):
        account.used(value)
    assert account.story[1:] == ["monthly_trades 80", "monthly_trades 100"]


def test_each_period_has_its_own():
    account = basic("2026-03-31T23:59:59.999").used(85)
    account.at("2026-04-01").used(85, period="2026-04").used(100, period="2026-03")
    assert [(each.notice["period"], each.notice["threshold"]) for each in account.events[1:]] == [
        ("2026-03", 80),
        ("2026-04", 80),
        ("2026-03", 100),
    ]


def test_without_a_limit_nothing_is_told():
    account = basic(
        contract_type="custom", usage_limits={"max_monthly_trades": 5}, base_monthly_fee=1, term_months=12
    )
    assert account.used(10**9, metric="trade_value").told == []
    assert account.used(10**9, metric="concurrent_trades").told == []
    account.update(usage_limits={"max_trade_value": 10**9})
    assert account.told == ["updated", "trade_value 100"]


def test_without_thresholds_nothing_is_told():
    assert basic(usage_thresholds=[]).used(500).told == []


def test_thresholds_may_stand_in_any_order_and_twice():
    account = basic(usage_thresholds=[90, 50, 90])
    (reached,) = account.used(95).reached
    assert (reached["threshold"], reached["skipped_thresholds"]) == (90, [50])


def test_a_raised_limit_starts_them_afresh():
    account = basic().used(130)
    assert account.update(usage_limits={"max_monthly_trades": 200}).told == ["updated"]
    assert known(account) == {"2026-03 monthly_trades": (130, None)}
    assert account.used(160).told == ["monthly_trades 80"]


def test_one_raised_too_little_is_told_of_at_once():
    account = basic().used(130)
    account.update(usage_limits={"max_monthly_trades": 150})
    assert account.told == ["updated", "monthly_trades 80"]
    assert account.reached[0]["percent"] == Decimal("86.66")


def test_a_lowered_limit_is_told_of_at_once_and_nothing_twice():
    account = basic().used(85)
    account.update(usage_limits={"max_monthly_trades": 95})
    assert account.told == ["updated"], "80 was told, and 100 is not reached"
    (reached,) = account.update(usage_limits={"max_monthly_trades": 70}).reached
    assert (reached["threshold"], reached["skipped_thresholds"], reached["limit"]) == (120, [100], 70)


def test_lowered_and_raised_again_within_the_period():
    account = basic().used(85)
    account.update(usage_limits={"max_monthly_trades": 50}).update(usage_limits={"max_monthly_trades": 100})
    assert account.story[1:] == [
        *("monthly_trades 80", "updated", "monthly_trades 120", "updated", "monthly_trades 80")
    ]


def test_a_limit_that_goes_away_starts_them_afresh():
    account = basic().used(85).update(usage_limits={"max_monthly_trades": None})
    assert account.told == ["updated"]
    assert account.update(usage_limits={"max_monthly_trades": 100}).told == ["updated", "monthly_trades 80"]


def test_of_a_moved_limit_the_others_stay_as_they_are():
    account = basic().used(85).used(9, metric="concurrent_trades")
    account.update(usage_limits={"max_monthly_trades": 1000})
    assert known(account) == {
        "2026-03 monthly_trades": (85, None),
        "2026-03 concurrent_trades": (9, 80),
    }


def test_another_plan_starts_all_of_them_afresh():
    account = basic().used(100).change_plan("professional")
    assert account.told == ["plan_changed"]
    assert account.change_plan("basic", overrides={"usage_limits": {"max_monthly_trades": 100}}).told == [
        "plan_changed",
        "monthly_trades 100",
    ]


def test_other_thresholds_are_measured_at_once():
    account = basic().used(85)
    assert account.update(usage_thresholds=[50, 80, 85]).told == ["updated", "monthly_trades 85"]
    assert account.update(usage_thresholds=None).told == ["updated"]


def test_other_changes_tell_nothing():
    account = basic().used(85)
    before = account["lifecycle"]["usage"]
    assert account.update(notes="seen", base_monthly_fee=1).told == ["updated"]
    assert account["lifecycle"]["usage"] == before


@pytest.mark.parametrize("looked", ["2027-02-01", "2027-05-05"])
def test_a_plan_change_by_time_is_told_of_as_of_its_own_time(looked):
    """Whenever it is brought out: in its period, with what was projected then."""
    account = basic("2027-01-20").used(90).used(5, period="2026-12")
    account.change_plan(
        "custom", effective="at_renewal", overrides={"usage_limits": {"max_monthly_trades": 60}}
    )
    (reached,) = account.at(looked).advance().reached
    assert (reached["period"], reached["threshold"], reached["days_left"]) == ("2027-01", 120, 1)
    assert as_json(reached)["effective_at"] == "2027-01-31T00:00:00Z"
    assert reached["projected_value"] == 93


def test_of_a_period_that_is_over_a_moved_limit_tells_nothing():
    account = basic("2026-03-31").used(85).at("2026-04-01")
    assert account.update(usage_limits={"max_monthly_trades": 50}).told == ["updated"]
    assert account.used(86, period="2026-03").told == ["monthly_trades 120"]
