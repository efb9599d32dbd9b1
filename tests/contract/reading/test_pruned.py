"""A history with a retention: old entries tell nothing any more, and commands are still known."""

import itertools
from datetime import timedelta
from typing import Any

import bson
import pytest

from consumer.errors import HistoryPruned
from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.storage import indexes, pruning
from consumer.storage.mongo_queries import MongoQueries
from consumer.storage.pruning import HistoryPruner
from producers.testkit import START, Testkit

DAY = timedelta(days=1)
ANN = "Ann Ash"


async def life_of_two_years(kit: Testkit) -> Any:
    created = await kit.create("acme", contract_type="basic", notes=ANN, requested_by=ANN, command_id="first")
    await kit.move(300 * DAY)
    await kit.update("acme", changes={"notes": None}, requested_by=ANN, command_id="second")
    await kit.deliver(b"acme", b"not json")
    await kit.move(300 * DAY)
    await kit.update("acme", changes={"tags": ["late"]})
    return created


@pytest.fixture
def pruner(kit: Testkit, client: Any, database: str) -> HistoryPruner:
    return HistoryPruner(client, database, 200, clock=lambda: kit.now)


async def test_what_is_old_tells_nothing_and_what_is_not_tells_everything(
    kit: Testkit, reader: ContractReader, pruner: HistoryPruner, client: Any, database: str
) -> None:
    await indexes.ensure(client[database], history_retention_days=200)
    created = await life_of_two_years(kit)
    before = (await reader.history("acme")).items
    old = [item for item in before if item.occurred_at < kit.now - 200 * DAY]
    assert 3 < len(old) < len(before)
    assert await pruner.run_once() == len(old)
    assert await pruner.run_once() == 0
    assert (await reader.history("acme")).items == before[: -len(old)]
    stored = [bson.encode(each) async for each in client[database].history.find()]
    assert len(stored) == len(before)
    assert ANN.encode() not in b"".join(stored)
    current = kit.contract("acme")
    assert (await reader.as_of("acme", kit.now)).change == "updated"
    for missing in (reader.as_of("acme", START), reader.at_version(created.contract_id, 1)):
        with pytest.raises(HistoryPruned):
            await missing
    # Long afterwards the last state is still known, but not what made it so.
    kit.now += 201 * DAY
    await pruner.run_once()
    now = await reader.as_of("acme", kit.now)
    assert now == await reader.at_version(created.contract_id, current["version"])
    assert (now.contract, now.change, now.by) == (current, None, "/testkit")
    with pytest.raises(HistoryPruned):
        await reader.as_of("acme", kit.now - 300 * DAY)


async def test_a_command_is_known_by_its_source_when_its_record_is_pruned(
    kit: Testkit, reader: ContractReader, pruner: HistoryPruner
) -> None:
    created = await life_of_two_years(kit)
    await kit.create("acme", contract_type="basic", notes=ANN, requested_by=ANN, command_id="first")
    before = await reader.command("acme", "first", "/testkit")
    assert before == await reader.command("acme", "first", "/another")
    assert [(item.outcome, item.command_id) for item in before] == [
        ("duplicate", "first"),
        ("applied", "first"),
    ]
    await pruner.run_once()
    late, pruned = await reader.command("acme", "first", "/testkit")
    assert late == before[0]
    assert (pruned.outcome, pruned.contract_id, pruned.version) == ("applied", created.contract_id, 1)
    assert (pruned.command_id, pruned.source, pruned.command, pruned.by) == (None,) * 4
    assert await reader.command("acme", "first", "/another") == (late,)
    assert await reader.command("umbra", "first", "/testkit") == ()
    assert await reader.command("acme", "third", "/testkit") == ()


async def test_a_deleted_contract_does_not_come_back(
    kit: Testkit, reader: ContractReader, pruner: HistoryPruner
) -> None:
    await kit.create("acme", contract_type="basic")
    await kit.delete("acme")
    kit.now += 300 * DAY
    await pruner.run_once()
    with pytest.raises(HistoryPruned):
        await reader.as_of("acme", kit.now)


async def test_a_command_is_known_however_old_it_is(kit: Testkit, pruner: HistoryPruner) -> None:
    created = await life_of_two_years(kit)
    version = kit.contract("acme")["version"]
    assert await pruner.run_once()
    again = await kit.update("acme", changes={"notes": None}, requested_by=ANN, command_id="second")
    assert (again.outcome, again.contract_id, again.version) == ("duplicate", created.contract_id, 2)
    other = await kit.create("acme", contract_type="basic", command_id="first")
    assert (other.code, other.contract_id, other.version) == ("id_reused", created.contract_id, 1)
    assert kit.contract("acme")["version"] == version
    await kit.erase("acme")


async def test_figures_of_a_time_that_is_not_told_of_are_refused(
    kit: Testkit, queries: MongoQueries, pruner: HistoryPruner
) -> None:
    await life_of_two_years(kit)
    await pruner.run_once()
    statistics = ContractStatistics(queries, history_days=200, clock=lambda: kit.now)
    with pytest.raises(HistoryPruned):
        await statistics.retention(kit.now - 201 * DAY, kit.now)
    assert (await statistics.retention(kit.now - 200 * DAY, kit.now)).running_at_start == 1


async def test_a_run_ends_in_time_and_the_next_goes_on(
    kit: Testkit, client: Any, database: str, pruner: HistoryPruner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "CHUNK", 2)
    seconds = itertools.count()
    monkeypatch.setattr(pruning, "monotonic", lambda: next(seconds))
    monkeypatch.setattr(pruning, "RUN_SECONDS", 3)
    for number in range(7):
        await kit.create(f"a{number}", contract_type="basic")
    kit.now += 300 * DAY
    assert [await pruner.run_once() for _ in range(3)] == [4, 3, 0]
    assert await HistoryPruner(client, database, None).run_once() == 0
