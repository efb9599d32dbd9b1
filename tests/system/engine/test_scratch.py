"""The database of a shadow: no other database is dropped, and no other run is disturbed."""

import asyncio
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from consumer.errors import InputRefused
from consumer.storage import scratch as scratching
from consumer.storage.scratch import COLLECTION, MARK, scratch


@pytest.fixture
async def client(mongo: Any) -> Any:
    async with AsyncMongoClient[dict[str, Any]](mongo.uri) as opened:
        yield opened


async def test_it_is_empty_and_dropped_at_the_end(client: Any, database: str) -> None:
    async with scratch(client, database, "made"):
        assert await client[database].list_collection_names() == [COLLECTION]
        await client[database].contracts.insert_one({"_id": 1})
    assert database not in await client.list_database_names()


async def test_a_database_without_a_mark_is_left(client: Any, database: str) -> None:
    await client[database].invoices.insert_one({"_id": 1})
    with pytest.raises(InputRefused, match="is no shadow of made"):
        async with scratch(client, database, "made"):
            pass
    assert await client[database].invoices.count_documents({}) == 1


async def test_a_shadow_of_another_database_is_left(client: Any, database: str) -> None:
    async with scratch(client, database, "other"):
        with pytest.raises(InputRefused, match="is no shadow of made"):
            async with scratch(client, database, "made"):
                pass
        assert await client[database][COLLECTION].find_one({"_id": MARK, "shadow_of": "other"})


async def test_while_another_run_is_alive_it_is_refused(
    client: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratching, "BEAT_SECONDS", 0.05)
    async with scratch(client, database, "made"):
        await client[database].contracts.insert_one({"_id": 1})
        with pytest.raises(InputRefused, match="another run uses the database"):
            async with scratch(client, database, "made"):
                pass
        assert await client[database].contracts.count_documents({}) == 1


async def test_a_run_that_is_alive_is_noticed_at_its_next_beat(
    client: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when its mark should have been silent for long enough: here that takes an hour."""
    monkeypatch.setattr(scratching, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(scratching, "SILENT_SECONDS", 3_600)
    async with scratch(client, database, "made"), asyncio.timeout(60):
        with pytest.raises(InputRefused, match="another run uses the database"):
            await scratching._take(client[database], "another", "made")


async def test_what_a_killed_run_left_is_taken(
    client: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratching, "SILENT_SECONDS", 0.1)
    killed = {"_id": MARK, "shadow_of": "made", "run": "killed", "beats": 7}
    await client[database][COLLECTION].insert_one(killed)
    await client[database].contracts.insert_one({"_id": 1})
    async with scratch(client, database, "made"):
        assert await client[database].contracts.count_documents({}) == 0
    assert database not in await client.list_database_names()


async def test_a_run_whose_database_was_taken_has_compared_nothing(client: Any, database: str) -> None:
    with pytest.raises(InputRefused, match="another run has taken"):
        async with scratch(client, database, "made"):
            await client[database][COLLECTION].update_one({"_id": MARK}, {"$set": {"run": "another"}})
    assert database in await client.list_database_names()
    await client.drop_database(database)
