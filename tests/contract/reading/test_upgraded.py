"""A history as version 0.1 stored it, as text: it tells the same before and after its upgrade."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import UpdateOne

from consumer.domain.erasure import erased
from consumer.errors import ForeignDocument, HistoryNotUpgraded
from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.reading.views import PastContract
from consumer.storage import history_upgrade, indexes
from consumer.storage.documents import CODEC, history_from
from consumer.storage.history_upgrade import HistoryUpgrade
from consumer.storage.mongo_queries import MongoQueries
from consumer.storage.pruning import HistoryPruner
from producers.testkit import START, Testkit
from schemas.contract import to_json
from tests.contract.reading.test_erased import ANN, dump, personal_life, without_author
from tests.system.faults import version01

DAY = timedelta(days=1)


@pytest.fixture
def history(client: Any, database: str) -> Any:
    return client[database].get_collection("history", codec_options=CODEC)


@pytest.fixture
def upgrade(client: Any, database: str, monkeypatch: pytest.MonkeyPatch) -> HistoryUpgrade:
    monkeypatch.setattr(history_upgrade, "CHUNK", 7)
    return HistoryUpgrade(client, database)


async def stored(history: Any) -> dict[bytes, dict[str, Any]]:
    return {entry["_id"]: entry async for entry in history.find()}


async def back_to_version_01(history: Any) -> int:
    """Stores changes as it did; its stored form is in tests/system/faults/version01, too."""
    updates = [
        UpdateOne({"_id": name}, {"$set": {"changes": to_json(entry["changes"]).decode()}})
        for name, entry in (await stored(history)).items()
        if "changes" in entry
    ]
    await history.bulk_write(updates)
    return len(updates)


async def lives(kit: Testkit) -> None:
    """Something of everything that history and statistics tell."""
    await personal_life(kit)
    for name in ("lapses", "comes-back", "goes"):
        await kit.create(name, contract_type="professional", auto_renewal=False)
    await kit.create("draft", contract_type="basic", status="draft")
    limits = {"max_trade_value": 0.5, "max_monthly_trades": 3}
    await kit.change_plan(
        "goes", contract_type="custom", effective="at_renewal", overrides={"base_monthly_fee": 0.0001}
    )
    await kit.update("goes", changes={"usage_limits": limits, "sla_terms": {"uptime_guarantee": 99.95}})
    tier = {"min_value": 0, "max_value": None, "percentage_fee": 1.5}
    await kit.update("goes", changes={"usage_based_pricing": {"trade_value_tiers": [tier]}})
    await kit.move(370 * DAY)
    await kit.cancel("draft")
    await kit.renew("comes-back")
    await kit.delete("goes", reason="moved")
    await kit.move(DAY)


async def versions(kit: Testkit, reader: ContractReader) -> AsyncIterator[PastContract | None]:
    for event in kit.changes():
        if event.data["change"] != "deleted":
            contract = event.data["contract"]
            yield await reader.at_version(contract["contract_id"], contract["version"])


async def told(kit: Testkit, reader: ContractReader) -> list[Any]:
    return [
        [past async for past in versions(kit, reader)],
        [await reader.history(account) for account in ("acme", "lapses", "comes-back", "goes", "draft")],
    ]


async def test_versions_and_statistics_are_the_same_before_and_after(
    kit: Testkit,
    reader: ContractReader,
    statistics: ContractStatistics,
    history: Any,
    upgrade: HistoryUpgrade,
) -> None:
    await lives(kit)
    before, entries = await told(kit, reader), await stored(history)
    periods = [(START, kit.now), (kit.now - 100 * DAY, kit.now), (START + DAY, START + 300 * DAY)]
    figures = [await statistics.retention(*period) for period in periods]
    number = await back_to_version_01(history)
    assert number > 20
    assert await told(kit, reader) == before
    for period in periods:
        with pytest.raises(HistoryNotUpgraded):
            await statistics.retention(*period)
    assert await upgrade.run() == number
    assert await stored(history) == entries
    assert await told(kit, reader) == before
    assert [await statistics.retention(*period) for period in periods] == figures
    assert await upgrade.run() == 0


async def recorded(client: Any, database: str) -> list[dict[str, Any]]:
    """Puts what version 0.1 itself has stored into the database; its history."""
    await indexes.ensure(client[database])
    documents = [each for each in version01.database() if each[0] != "positions"]
    for collection, document in documents:
        await client[database][collection].insert_one(document)
    return [document for collection, document in documents if collection == "history"]


def counted(entries: list[dict[str, Any]]) -> Counter[str]:
    """What the texts tell, read apart from the service: how often each change was recorded."""
    events = [event for entry in entries for event in json.loads(entry.get("changes", "[]"))]
    return Counter(event["change"] for event in events if "change" in event)


async def test_what_version_01_itself_has_stored(
    queries: MongoQueries, history: Any, client: Any, database: str, upgrade: HistoryUpgrade
) -> None:
    entries = await recorded(client, database)
    now = max(entry["occurred_at"] for entry in entries).replace(tzinfo=UTC) + DAY
    reader = ContractReader(queries, clock=lambda: now)
    statistics = ContractStatistics(queries, clock=lambda: now)

    async def told() -> list[Any]:
        accounts = sorted({entry["account_id"] for entry in entries})
        items = [await reader.history(account, limit=100) for account in accounts]
        states = {
            (item.contract_id, item.version)
            for page in items
            for item in page.items
            if item.contract_id and item.version and item.outcome == "applied"
        }
        return [items, [await reader.at_version(*state) for state in sorted(states)]]

    before, texts = await told(), counted(entries)
    period = datetime(2000, 1, 1, tzinfo=UTC), now
    with pytest.raises(HistoryNotUpgraded):
        await statistics.retention(*period)
    assert await upgrade.run() == sum("changes" in entry for entry in entries)
    assert await told() == before
    for entry in entries:
        left = (await stored(history))[entry["_id"]]
        assert to_json(left.pop("changes", None)).decode() == entry.pop("changes", "null")
        assert left == entry | {"occurred_at": entry["occurred_at"].replace(tzinfo=UTC)}
    found = await statistics.retention(*period)
    assert found.opened == texts["created"] + texts["adopted"] > 5
    assert (found.renewed, found.expired, found.deleted) == (
        texts["renewed"],
        texts["expired"],
        texts["deleted"],
    )


async def test_a_period_after_the_upgrade_needs_no_upgrade(
    kit: Testkit, statistics: ContractStatistics, history: Any
) -> None:
    await kit.create("acme", contract_type="basic")
    await back_to_version_01(history)
    kit.now += 10 * DAY
    start = kit.now
    await kit.create("new", contract_type="basic")
    assert (await statistics.retention(start, start + DAY)).opened == 1


async def test_an_erasure_reads_both_and_the_upgrade_brings_nothing_back(
    kit: Testkit, reader: ContractReader, history: Any, client: Any, database: str, upgrade: HistoryUpgrade
) -> None:
    await personal_life(kit)
    before = [past async for past in versions(kit, reader) if past and past.contract["account_id"] == "acme"]
    await back_to_version_01(history)
    read = await stored(history)
    await kit.erase("acme", requested_by="privacy-desk")
    assert ANN.encode() not in await dump(client, database, "acme")
    # What the upgrade read before the erasure does not come after it.
    await upgrade._write(
        [{"_id": name, "changes": history_from(entry).changes} for name, entry in read.items()]
    )
    assert ANN.encode() not in await dump(client, database, "acme")
    await upgrade.run()
    assert ANN.encode() not in await dump(client, database, "acme")
    for past in before:
        left = await reader.at_version(past.contract["contract_id"], past.contract["version"])
        assert left is not None
        assert without_author(left.contract) == without_author(erased(past.contract))


async def test_what_was_stripped_stays_so(
    kit: Testkit, history: Any, client: Any, database: str, upgrade: HistoryUpgrade
) -> None:
    await kit.create("acme", contract_type="basic")
    await back_to_version_01(history)
    kit.now += 300 * DAY
    pruner = HistoryPruner(client, database, 200, clock=lambda: kit.now)
    assert await pruner.run_once() == 1
    assert await upgrade.run() == 0
    [entry] = (await stored(history)).values()
    assert "changes" not in entry


@pytest.mark.parametrize(
    "text", ["", "[", "7", '["x"]', '[{"change":"created"}]', '[{"effective_at":"soon","fields":[]}]']
)
async def test_text_of_others_is_named_and_all_else_rewritten(
    kit: Testkit, history: Any, reader: ContractReader, upgrade: HistoryUpgrade, text: str
) -> None:
    await kit.create("acme", contract_type="basic")
    await kit.create("other", contract_type="basic")
    await back_to_version_01(history)
    await history.update_one({"account_id": "acme"}, {"$set": {"changes": text}})
    with pytest.raises(ForeignDocument, match=r"history [0-9a-f]{32}: changes is of another kind"):
        await upgrade.run()
    with pytest.raises(ForeignDocument):
        await reader.history("acme")
    assert [type(entry["changes"]) for entry in (await stored(history)).values()].count(list) == 1
