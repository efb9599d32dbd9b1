"""What is due, and who may look: on every database server that is here."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumer.errors import ServiceUnavailable
from consumer.reading.statistics import ContractStatistics
from consumer.storage.leases import MongoLease
from consumer.storage.mongo_queries import MongoQueries
from consumer.storage.queries import Due
from consumer.telemetry.metrics import Metrics
from devstack.mongo import SecantusMongo
from producers.gauges import ExpiringGauge
from producers.testkit import START, Testkit

DAY = timedelta(days=1)


async def test_only_what_is_due_is_read_in_order_of_due_time(kit: Testkit, queries: MongoQueries) -> None:
    for number in range(9):
        # A term of 200 days: the first notice is due 90 days before its end.
        end = START + 200 * DAY + (8 - number) // 3 * DAY
        await kit.create(f"a{number}", contract_type="basic", end_date=end)
    await kit.create("draft", contract_type="basic", status="draft", end_date=START + 200 * DAY)
    await kit.create("over", contract_type="basic", end_date=START + 200 * DAY)
    await kit.cancel("over")
    assert await due(queries, START + 109 * DAY) == []
    found = await due(queries, START + 111 * DAY)
    assert [each.due_at - START for each in found] == [110 * DAY] * 3 + [111 * DAY] * 3
    assert {each.account_id for each in found[:3]} == {"a6", "a7", "a8"}
    assert {each.account_id for each in found[3:]} == {"a3", "a4", "a5"}
    assert {each.contract_id for each in found if each.account_id == "a6"} == {
        kit.contract("a6")["contract_id"]
    }


async def due(queries: MongoQueries, now: datetime, size: int = 100) -> list[Due]:
    pages = [page async for page in queries.due(now, size)]
    assert all(len(page) == size for page in pages[:-1])
    return [each for page in pages for each in page]


async def test_pages_hold_each_contract_once_ties_too(kit: Testkit, queries: MongoQueries) -> None:
    for number in range(7):
        await kit.create(f"a{number}", contract_type="basic", end_date=START + (200 + number // 5) * DAY)
    now = START + 300 * DAY
    whole = await due(queries, now)
    assert {each.account_id for each in whole} == {f"a{number}" for number in range(7)}
    for size in (1, 2, 3, 5, 7):
        seen = await due(queries, now, size)
        assert sorted(seen) == sorted(whole)
        assert [each.due_at for each in seen] == [each.due_at for each in whole]


async def test_the_index_answers_and_nothing_else_is_looked_at(
    kit: Testkit, client: Any, database: str, mongo: Any
) -> None:
    for number in range(50):
        await kit.create(f"a{number}", contract_type="basic", end_date=START + (200 + number) * DAY)
    wanted = {"lifecycle.next_action_at": {"$lte": START + 114 * DAY}}
    found = client[database].contracts.find(wanted).sort([("lifecycle.next_action_at", 1)])
    explained = await found.limit(3).explain()
    if isinstance(mongo, SecantusMongo):
        return  # it scans whatever is asked with a sort: good enough for tests, not for figures
    stages = str(explained["queryPlanner"]["winningPlan"])
    assert "'IXSCAN'" in stages
    assert "next_action_at" in stages
    assert "'SORT'" not in stages
    assert explained["executionStats"]["totalDocsExamined"] <= 4


def lease(client: Any, database: str, owner: str, *, at: datetime = START) -> MongoLease:
    return MongoLease(client, database, "scanner", owner, seconds=60, clock=lambda: at)


async def test_one_holds_the_lease_until_it_is_silent_for_too_long(client: Any, database: str) -> None:
    assert await lease(client, database, "one").hold()
    assert not await lease(client, database, "two").hold()
    assert await lease(client, database, "one", at=START + timedelta(seconds=50)).hold()
    assert not await lease(client, database, "two", at=START + timedelta(seconds=61)).hold()
    assert await lease(client, database, "two", at=START + timedelta(seconds=111)).hold()
    assert not await lease(client, database, "one", at=START + timedelta(seconds=112)).hold()


async def test_a_holder_whose_clock_was_far_ahead_does_not_keep_the_lease(client: Any, database: str) -> None:
    assert await lease(client, database, "ahead", at=START + timedelta(days=40)).hold()
    assert await lease(client, database, "two").hold()
    assert not await lease(client, database, "three", at=START + timedelta(seconds=-50)).hold()


async def test_a_released_lease_is_free_and_only_its_holder_releases_it(client: Any, database: str) -> None:
    assert await lease(client, database, "one").hold()
    await lease(client, database, "two").release()
    assert not await lease(client, database, "two").hold()
    await lease(client, database, "one").release()
    assert await lease(client, database, "two").hold()


async def test_of_many_at_once_one_gets_it(client: Any, database: str) -> None:
    contenders = [lease(client, database, str(number), at=datetime.now(UTC)) for number in range(10)]
    assert sum(await asyncio.gather(*(each.hold() for each in contenders))) == 1


class Told:
    """Metrics that remember what they were told."""

    def __init__(self) -> None:
        self.expiring_counts: list[dict[int, int]] = []

    def expiring(self, counts: dict[int, int]) -> None:
        self.expiring_counts.append(counts)


async def test_the_gauge_is_counted_rarely_when_counting_is_slow(kit: Testkit, queries: MongoQueries) -> None:
    await kit.create("a", contract_type="basic", end_date=START + 20 * DAY)
    seconds = iter([0, 2, 100, 201.9, 202, 203])
    told = Told()
    statistics = ContractStatistics(queries, clock=lambda: kit.now)
    gauge = ExpiringGauge(statistics, told, clock=lambda: next(seconds))
    await gauge.refresh()  # takes 2 s: not again before 202
    await gauge.refresh()
    await gauge.refresh()
    assert told.expiring_counts == [{7: 0, 30: 1, 60: 1, 90: 1}]
    await gauge.refresh()
    assert len(told.expiring_counts) == 2


class Failing:
    """Statistics of a database that takes too long."""

    def __init__(self) -> None:
        self.asked = 0

    async def expiring_counts(self) -> dict[int, int]:
        self.asked += 1
        raise ServiceUnavailable("MongoDB does not answer: timed out")


async def test_a_count_that_takes_too_long_is_not_tried_at_each_scan() -> None:
    seconds = iter([0, 10, 60, 1_009, 1_010, 1_020])
    failing: Any = Failing()
    gauge = ExpiringGauge(failing, Metrics(), clock=lambda: next(seconds))
    with pytest.raises(ServiceUnavailable):
        await gauge.refresh()  # 10 s for nothing: not again before 1,010
    await gauge.refresh()
    await gauge.refresh()
    assert failing.asked == 1
    with pytest.raises(ServiceUnavailable):
        await gauge.refresh()
    assert failing.asked == 2
