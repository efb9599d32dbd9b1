"""A shadow of a service whose history was pruned, or whose records were deleted, or whose shadow stumbles."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import AsyncMongoClient, MongoClient

from consumer.engine import apply
from consumer.errors import InputRefused, OutcomeUnknown, PositionError, StoreUnavailable, TopicRecreated
from consumer.operator import shadow_again
from consumer.operator.shadowing import SUFFIX, compare
from consumer.settings import Settings
from consumer.storage.mongo import MongoStore
from consumer.storage.pruning import HistoryPruner
from schemas.topics import CHANGED, COMMANDS
from tests.running import running, settings_for
from tests.system.engine.test_replay import RECORDS, at_rest, publish

LATE = datetime(2100, 1, 1, tzinfo=UTC)
FAULTS = 60
"""Transactions of which each third one goes well; with all, there were hundreds of small ones."""


@pytest.fixture
async def applied(kafka: Any, mongo: Any, database: str) -> Settings:
    settings = settings_for(kafka, mongo, database, max_batch_commands=50)
    async with running(settings):
        await asyncio.to_thread(publish, settings, rubbish=0.1)
        await at_rest(settings)
    return settings


async def test_a_pruned_history_is_no_difference(applied: Settings) -> None:
    async with AsyncMongoClient[dict[str, Any]](applied.mongo_uri.get_secret_value()) as client:
        pruner = HistoryPruner(client, applied.mongo_database, 0, clock=lambda: LATE)
        assert await pruner.run_once() > RECORDS / 2
        report = await compare(applied)
        assert report.differences == (), report.differences[0]
        history = client[applied.mongo_database].history
        (changed,) = await history.find({"details_hash": {"$exists": True}}).limit(1).to_list()
        await history.update_one({"_id": changed["_id"]}, {"$set": {"details_hash": b"0" * 32}})
    (found,) = (await compare(applied)).differences
    assert (found.what, found.path) == ("history", "/details_hash")


def delete_records(settings: Settings, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers, "log_level": 0})
    name = settings.topic_prefix + topic
    places = [TopicPartition(name, number, 40) for number in range(settings.topic_partitions)]
    for done in admin.delete_records(places).values():
        done.result()


async def test_what_was_deleted_of_the_outputs_is_told(applied: Settings) -> None:
    await asyncio.to_thread(delete_records, applied, CHANGED)
    report = await compare(applied)
    assert report.differences == (), report.differences[0]
    topic = applied.topic_prefix + CHANGED
    assert {lane.topic for lane in report.deleted} == {topic}
    assert {lane.partition for lane in report.deleted} == {*range(applied.topic_partitions)}
    assert all(offset > 0 for offset in report.deleted.values())


async def test_a_log_that_ends_before_the_position_is_refused(applied: Settings) -> None:
    """It would wait for the commands in between."""
    with MongoClient[dict[str, Any]](applied.mongo_uri.get_secret_value()) as client:
        client[applied.mongo_database].positions.update_many({}, {"$inc": {"next": 1_000}})
    with pytest.raises(PositionError, match=r"1[0-9]{3}"):
        await compare(applied)


@pytest.mark.parametrize("error", [StoreUnavailable, OutcomeUnknown])
async def test_it_goes_on_after_its_database_did_not_answer(
    applied: Settings, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """In turn a batch is stored, stored without an answer, and not stored, twenty times each."""
    monkeypatch.setattr(shadow_again, "PAUSE_SECONDS", 0)
    real, count = MongoStore.transaction, 0

    @asynccontextmanager
    async def transaction(self: MongoStore, *arguments: Any) -> AsyncIterator[Any]:
        nonlocal count
        count += self.database.name.endswith(SUFFIX)
        async with real(self, *arguments) as opened:
            yield opened
            if count % 3 == 2 and count < FAULTS:
                raise error("planted")
        if count % 3 == 1 and count < FAULTS:
            raise error("planted")

    monkeypatch.setattr(MongoStore, "transaction", transaction)
    report = await compare(applied)
    assert count > FAULTS
    assert report.differences == (), report.differences[0]
    assert report.commands == RECORDS


def create_again(settings: Settings, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers, "log_level": 0})
    name = settings.topic_prefix + topic
    admin.delete_topics([name])[name].result()
    admin.create_topics([NewTopic(name, settings.topic_partitions, 1)])[name].result()


@pytest.mark.parametrize("cut", [delete_records, create_again])
async def test_a_log_that_is_cut_meanwhile_is_refused(
    applied: Settings, cut: Callable[[Settings, str], None]
) -> None:
    """It waited for commands that never came."""
    begun = False

    def on_progress(_commands: int) -> None:
        nonlocal begun
        if not begun:
            begun = True
            cut(applied, COMMANDS)

    with pytest.raises(InputRefused, match=r"contracts\.commands/\d was cut while it was applied"):
        await compare(applied, on_progress)
    assert begun


async def test_a_log_that_was_created_again_and_is_as_long_is_refused(
    applied: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the shadow applies is then not what the service has applied."""
    real = apply.last_record
    monkeypatch.setattr(apply, "last_record", lambda record: replace(real(record), timestamp=1))
    with pytest.raises(TopicRecreated):
        await compare(applied)
