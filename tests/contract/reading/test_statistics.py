"""Figures about all contracts, on contracts whose figures can be counted by hand."""

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from consumer.errors import InputRefused
from consumer.reading.statistics import ContractStatistics, ExpiringWindow, Retention
from consumer.storage.queries import MonthEnding, Revenue
from producers.testkit import START, Testkit
from tests.contract.reading.told import happened, running_at
from tests.system.year.life import Life

DAY = timedelta(days=1)


async def test_counts_are_those_of_the_collection(
    kit: Testkit, statistics: ContractStatistics, client: Any, database: str
) -> None:
    await kit.create("a", contract_type="basic")
    await kit.create("b", contract_type="basic", status="draft")
    await kit.create("c", contract_type="professional")
    await kit.create("d", contract_type="professional")
    await kit.delete("d")
    await kit.cancel("c")
    counts = await statistics.counts()
    assert len(counts) == 20
    assert {key: times for key, times in counts.items() if times} == {
        ("basic", "active"): 1,
        ("basic", "draft"): 1,
        ("professional", "cancelled"): 1,
    }
    assert sum(counts.values()) == await client[database].contracts.count_documents({})


async def test_what_ends_by_month_is_what_is_listed(kit: Testkit, statistics: ContractStatistics) -> None:
    add_ons = [{"name": "on", "monthly_fee": 0.1}, {"name": "off", "monthly_fee": 9, "active": False}]
    given = {"contract_type": "basic", "base_monthly_fee": 10}
    await kit.create("lapses", **given, term_months=1, auto_renewal=False, add_ons=add_ons)
    await kit.create("lapses too", **given, term_months=1, auto_renewal=False)
    await kit.create("leaves", **given, term_months=1, currency="EUR")
    await kit.cancel("leaves", effective="end_of_term")
    await kit.create("renews", **given, term_months=2)
    await kit.create("later", **given, term_months=12)
    first, second = (f"{kit.now + timedelta(days=days):%Y-%m}" for days in (31, 59))
    assert await statistics.ending_months(90) == [
        MonthEnding(first, True, "basic", "EUR", 1, Decimal(10)),  # noqa: FBT003
        MonthEnding(first, True, "basic", "USD", 2, Decimal("20.1")),  # noqa: FBT003
        MonthEnding(second, False, "basic", "USD", 1, Decimal(10)),  # noqa: FBT003
    ]


async def test_revenue_is_fees_and_active_add_ons_of_what_runs(
    kit: Testkit, statistics: ContractStatistics
) -> None:
    add_ons = [
        {"name": "on", "monthly_fee": 0.1},
        {"name": "on too", "monthly_fee": 0.2, "active": True},
        {"name": "off", "monthly_fee": 1000, "active": False},
    ]
    await kit.create("a", contract_type="basic", base_monthly_fee=10.1, add_ons=add_ons)
    await kit.create("b", contract_type="basic", base_monthly_fee=1)
    await kit.create("c", contract_type="basic", base_monthly_fee=5, currency="EUR")
    await kit.create("d", contract_type="enterprise")
    await kit.create("draft", contract_type="basic", status="draft")
    await kit.create("later", contract_type="basic", start_date=kit.now + 10 * DAY)
    await kit.create("over", contract_type="basic")
    await kit.cancel("over")
    revenue = await statistics.monthly_revenue()
    assert revenue == [
        Revenue("basic", "EUR", 1, Decimal(5)),
        Revenue("basic", "USD", 2, Decimal("11.4")),
        Revenue("enterprise", "USD", 1, Decimal(999)),
    ]
    await kit.move(350 * DAY)
    assert [(each.currency, each.contracts) for each in await statistics.monthly_revenue()] == [
        ("EUR", 1),
        ("USD", 3),
        ("USD", 1),
    ]


async def test_windows_hold_the_smaller_ones(kit: Testkit, statistics: ContractStatistics) -> None:
    for number, (days, renews) in enumerate([(7, True), (8, False), (30, False), (60, True), (91, True)]):
        end = kit.now + days * DAY
        await kit.create(f"a{number}", contract_type="basic", end_date=end, auto_renewal=renews)
    await kit.create("soon", contract_type="basic", end_date=kit.now + 3 * DAY)
    await kit.cancel("soon", effective="end_of_term")
    await kit.publish("schedule_change", "a0", {"kind": "cancellation", "from_term": 3})  # renews first
    await kit.create("draft", contract_type="basic", end_date=kit.now + DAY, status="draft")
    assert await statistics.expiring() == [
        ExpiringWindow(7, 2, 1, 1),
        ExpiringWindow(30, 4, 1, 3),
        ExpiringWindow(60, 5, 2, 3),
        ExpiringWindow(90, 5, 2, 3),
    ]
    assert await statistics.expiring([91]) == [ExpiringWindow(91, 6, 3, 3)]
    assert await statistics.expiring_counts() == {7: 2, 30: 4, 60: 5, 90: 5}
    assert await statistics.expiring_counts([60, 7]) == {7: 2, 60: 5}


async def test_churn_and_renewals_of_a_period(kit: Testkit, statistics: ContractStatistics) -> None:
    half_year = START + 182 * DAY
    for name in ("renews", "renews-early", "lapses", "leaves", "leaves-before", "replaced", "goes"):
        await kit.create(name, contract_type="basic", auto_renewal=name not in {"lapses", "leaves"})
    await kit.create("draft", contract_type="basic", status="draft")
    await kit.cancel("leaves-before")
    # Text that looks like a change is none.
    await kit.update(
        "renews", changes={"notes": '{"change":"expired","version":1,"effective_at":"","fields":['}
    )
    await kit.move_to(half_year)
    await kit.create("late", contract_type="basic")
    await kit.renew("renews-early")
    await kit.cancel("draft")
    await kit.cancel("leaves", effective="end_of_term")
    await kit.cancel("replaced")
    await kit.create("replaced", contract_type="basic")
    await kit.delete("goes")
    await kit.move_to(START + 400 * DAY)
    retention = await statistics.retention(half_year, START + 400 * DAY)
    assert retention.running_at_start == 6
    assert (retention.opened, retention.deleted) == (2, 1)
    assert (retention.renewed, retention.expired, retention.cancelled) == (2, 1, 2)
    assert retention.churn_rate == 3 / 6
    assert retention.renewal_rate == 2 / 5
    # Later events do not change what is said of an earlier period.
    await kit.move(800 * DAY)
    assert await statistics.retention(half_year, START + 400 * DAY) == retention


async def test_what_the_last_state_of_a_contract_does_not_tell(
    kit: Testkit, statistics: ContractStatistics
) -> None:
    """It ran, or not, though it looks otherwise today."""
    await kit.create("draft", contract_type="basic", status="draft")
    await kit.create("comes-back", contract_type="basic", auto_renewal=False)
    await kit.create("went-on", contract_type="basic", auto_renewal=False)
    await kit.move_to(START + 370 * DAY)
    await kit.renew("went-on")
    moment = START + 372 * DAY
    await kit.move_to(moment + DAY)
    await kit.cancel("draft", reason='"path":"/status","before":"active"')
    await kit.renew("comes-back")
    assert (await statistics.retention(moment, moment + 2 * DAY)).running_at_start == 1
    # In the middle of their first terms both ran.
    assert (await statistics.retention(START + 10 * DAY, moment)).running_at_start == 2


async def test_a_scanner_that_slept_changes_no_figure(kit: Testkit, statistics: ContractStatistics) -> None:
    await kit.create("lapses", contract_type="basic", auto_renewal=False)
    await kit.create("renews", contract_type="basic", term_months=6)
    kit.now = START + 500 * DAY
    await kit.move(DAY)
    year = await statistics.retention(START, START + 366 * DAY)
    assert (year.renewed, year.expired) == (2, 1)
    later = await statistics.retention(START + 366 * DAY, kit.now)
    assert (later.running_at_start, later.renewed, later.expired) == (1, 0, 0)


async def test_periods_of_a_busy_time_are_what_the_events_tell(
    kit: Testkit, statistics: ContractStatistics
) -> None:
    """Contracts of all kinds and all that happens to them; the scanner sleeps now and then."""
    random = Random(7)
    life = Life(random)
    for number in range(300):
        pause = random.random() * 4 * DAY
        if random.random() < 0.2:
            await kit.move(pause)
        kit.now += pause
        await kit.result(life.open(kit.now) if number % 6 == 0 else life.next(kit.now))
    await kit.move(DAY)
    changes = kit.changes()
    for _ in range(12):
        start = START + random.random() * (kit.now - START)
        end = start + random.random() * 200 * DAY
        found, counted = await statistics.retention(start, end), happened(changes, start, end)
        assert found == Retention(
            start,
            end,
            running_at(changes, start),
            counted["created"] + counted["adopted"],
            counted["renewed"],
            counted["expired"],
            counted["cancelled"],
            counted["deleted"],
        )


async def test_a_period_in_which_nothing_happened(kit: Testkit, statistics: ContractStatistics) -> None:
    retention = await statistics.retention(START - 30 * DAY, START)
    assert (retention.running_at_start, retention.churn_rate, retention.renewal_rate) == (0, None, None)


@pytest.mark.parametrize(
    ("start", "end"), [(START, START), (START + DAY, START), (START + DAY, START + 2 * DAY)]
)
async def test_periods_that_make_no_sense(statistics: ContractStatistics, start, end) -> None:
    with pytest.raises(InputRefused):
        await statistics.retention(start, end)
