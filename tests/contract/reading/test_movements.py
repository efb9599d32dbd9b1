"""How revenue moves, tallied with the contracts: opening and movements are closing, on every server."""

from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from consumer.domain.statuses import RUNNING
from consumer.domain.terms import monthly_total
from consumer.errors import InputRefused
from consumer.reading.movements import Waterfall
from consumer.reading.statistics import ContractStatistics
from consumer.storage.mongo_queries import MongoQueries
from consumer.storage.movements import KINDS
from producers.testkit import START, Testkit
from tests.system.year.life import Life

DAY = timedelta(days=1)


async def told(
    statistics: ContractStatistics, *, daily: bool = False, start=START, end=START + 400 * DAY
) -> list:
    """Each line in short: day, plan, opening, the movements there were, closing."""
    rows = await statistics.movements(start, end, daily=daily)
    return [
        (*([row.day] if daily else []), row.contract_type, row.opening, _numbers(row), row.closing)
        for row in rows
    ]


def _numbers(row: Waterfall) -> dict[str, float]:
    return {kind: float(amount) for kind, amount in row.amounts.items()}


async def test_each_change_is_in_its_day_and_plan(kit: Testkit, statistics: ContractStatistics) -> None:
    await kit.create("a", contract_type="basic")
    await kit.create("b", contract_type="basic", base_monthly_fee=1, auto_renewal=False, term_months=1)
    await kit.move(2 * DAY)
    await kit.change_plan("a", contract_type="professional")
    await kit.move(50 * DAY)
    await kit.renew("b")
    await kit.update("a", changes={"base_monthly_fee": 250.5})
    await kit.cancel("a")
    assert await told(statistics) == [
        ("basic", 0, {"new": 100, "moved": -99, "churn": -1, "reactivation": 1}, 1),
        ("professional", 0, {"moved": 99, "expansion": 200, "contraction": -48.5, "churn": -250.5}, 0),
    ]
    by_day = await told(statistics, daily=True)
    assert by_day[:3] == [
        ("2026-01-01", "basic", 0, {"new": 100}, 100),
        ("2026-01-03", "basic", 100, {"moved": -99}, 1),
        ("2026-01-03", "professional", 0, {"moved": 99, "expansion": 200}, 299),
    ]


async def test_what_was_due_counts_on_its_day_whenever_the_scanner_ran(
    kit: Testkit, statistics: ContractStatistics
) -> None:
    end = START + 20 * DAY
    await kit.create("a", contract_type="basic", end_date=end, auto_renewal=False)
    kit.now += 90 * DAY
    await kit.update("a", changes={"notes": "late"})
    days = {row.day: row.amounts for row in await statistics.movements(START, kit.now, daily=True)}
    assert days == {f"{START:%Y-%m-%d}": {"new": 99}, f"{end:%Y-%m-%d}": {"churn": -99}}


async def test_a_period_without_movements_opens_and_closes_with_the_same(
    kit: Testkit, statistics: ContractStatistics
) -> None:
    await kit.create("a", contract_type="basic")
    await kit.move(10 * DAY)
    quiet = {"start": START + 3 * DAY, "end": START + 5 * DAY}
    assert await told(statistics, **quiet) == [("basic", 99, {}, 99)]
    assert await told(statistics, daily=True, **quiet) == []


async def test_a_period_has_a_day_and_has_begun(statistics: ContractStatistics) -> None:
    with pytest.raises(InputRefused, match="at least one day"):
        await statistics.movements(START, START)
    with pytest.raises(InputRefused, match="have begun"):
        await statistics.movements(START + DAY, START + 2 * DAY)


async def test_after_any_commands_opening_and_movements_are_closing_and_that_is_what_contracts_bring(
    kit: Testkit, statistics: ContractStatistics, queries: MongoQueries
) -> None:
    random = Random(8)
    life = Life(random)
    for number in range(200):
        pause = random.random() * 4 * DAY
        if random.random() < 0.3:
            await kit.move(pause)
        kit.now += pause
        await kit.result(life.open(kit.now) if number % 6 == 0 else life.next(kit.now))
        if number % 20:
            continue
        brings: Counter = Counter()
        for contract in (await queries.contracts(life.accounts)).values():
            if contract["status"] in RUNNING:
                brings[contract["contract_type"], contract["currency"]] += monthly_total(contract)
        rows = await statistics.movements(START, kit.now + DAY)
        for row in rows:
            assert row.opening == 0
            assert row.closing == row.opening + sum(row.amounts.values())
        assert {(row.contract_type, row.currency): row.closing for row in rows if row.closing} == {
            plan: total for plan, total in brings.items() if total
        }
        assert sum(row.amounts.get("moved", 0) for row in rows) == 0
        await _check_days(statistics, kit)
    kinds = {kind for row in rows for kind in row.times}
    assert kinds == {*KINDS}


async def _check_days(statistics: ContractStatistics, kit: Testkit) -> None:
    """Each day opens with what the plan closed with before."""
    closed: Counter = Counter()
    for row in await statistics.movements(START, kit.now + DAY, daily=True):
        plan = row.contract_type, row.currency
        assert row.opening == closed[plan]
        closed[plan] = row.closing
