"""The log applied again beside the service: nothing differs, and a planted rule is found where it counts."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from pymongo import MongoClient

from consumer.domain.model import Changed
from consumer.engine import accounts, fold
from consumer.engine.movements import Movements
from consumer.operator.shadowing import SUFFIX, compare
from consumer.settings import Settings
from schemas.topics import CHANGED
from tests.running import running, settings_for
from tests.system.engine.test_replay import at_rest, publish

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def applied(kafka: Any, mongo: Any, database: str) -> Settings:
    settings = settings_for(kafka, mongo, database, max_batch_commands=50)
    async with running(settings):
        await asyncio.to_thread(publish, settings)
        await at_rest(settings)
    return settings


async def test_this_program_decides_as_it_did(applied: Settings) -> None:
    report = await compare(applied)
    assert report.differences == (), report.differences[0]
    assert report.commands > 800
    assert report.documents > report.commands
    assert report.outputs > report.commands
    assert report.uncounted == ()
    with MongoClient[dict[str, Any]](applied.mongo_uri.get_secret_value()) as client:
        assert applied.mongo_database + SUFFIX not in client.list_database_names()


def write_foreign(settings: Settings) -> None:
    """Among the outputs, a record of another program."""
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "log_level": 0})
    producer.produce(settings.topic_prefix + CHANGED, b"not ours", partition=1)
    assert producer.flush(30) == 0


async def test_forwarded_commands_dead_letters_and_foreign_records_are_no_differences(
    kafka: Any, mongo: Any, database: str
) -> None:
    """As from a producer with another partitioner, and one that sends no commands at all."""
    settings = settings_for(kafka, mongo, database, max_batch_commands=50)
    async with running(settings):
        await asyncio.to_thread(publish, settings, misplaced=0.2, rubbish=0.1)
        await at_rest(settings)
        with MongoClient[dict[str, Any]](settings.mongo_uri.get_secret_value()) as client:
            history = client[database].history
            assert history.count_documents({"outcome": "forwarded"}) > 50
            assert history.count_documents({"outcome": "dead_letter"}) > 50
        await asyncio.to_thread(write_foreign, settings)
        report = await compare(settings)
    assert report.differences == (), report.differences[0]
    assert report.found == 0
    assert [*report.foreign] == [(settings.topic_prefix + CHANGED, 1)]
    assert report.outputs > report.commands / 2
    assert report.deleted == {}


async def test_a_planted_rule_of_tallies_and_movements_is_found(
    applied: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows in no contract, entry or output."""
    take = Movements.take
    monkeypatch.setattr(Movements, "take", lambda self, before, events: take(self, before, events[:-1]))
    report = await compare(applied)
    assert {one.what for one in report.differences} == {"movements"}
    monkeypatch.undo()
    monkeypatch.setattr(accounts, "RUNNING", frozenset({"active"}))
    report = await compare(applied)
    assert {one.what for one in report.differences} == {"positions"}


async def test_one_changed_movement_is_found(applied: Settings) -> None:
    with MongoClient[dict[str, Any]](applied.mongo_uri.get_secret_value()) as client:
        collection = client[applied.mongo_database].movements
        changed = collection.find_one({"times.new": {"$gt": 0}})
        collection.update_one({"_id": changed["_id"]}, {"$inc": {"times.new": 1}})
    report = await compare(applied)
    (found,) = report.differences
    assert (found.what, found.id, found.path) == ("movements", changed["_id"], "/times/new")
    assert (int(found.made), int(found.would)) == (changed["times"]["new"] + 1, changed["times"]["new"])


def another_contract(verdict: Any) -> Any:
    *events, last = verdict.events
    told = last._replace(contract=last.contract | {"notes": "planted"})
    return verdict._replace(contract=verdict.contract | {"notes": "planted"}, events=(*events, told))


def one_event_less(verdict: Any) -> Any:
    return verdict._replace(events=verdict.events[:-1])


def one_event_more(verdict: Any) -> Any:
    return verdict._replace(events=(*verdict.events, verdict.events[-1]))


@pytest.mark.parametrize(
    ("otherwise", "what"),
    [
        (another_contract, {"contracts", "contracts.state"}),
        (one_event_less, {"contracts.changed", "history"}),
        (one_event_more, {"contracts.changed", "history"}),
    ],
)
async def test_a_planted_rule_is_found_at_its_first_command(
    applied: Settings, monkeypatch: pytest.MonkeyPatch, otherwise: Any, what: set[str]
) -> None:
    decide, planted = fold.decide, list[int]()

    def plant(contract: Any, command: Any, now: Any, *more: Any) -> Any:
        verdict = decide(contract, command, now, *more)
        if command.name != "update" or not verdict.events or not isinstance(verdict.events[-1], Changed):
            return verdict
        planted.append(command.offset)
        return otherwise(verdict)

    monkeypatch.setattr(fold, "decide", plant)
    report = await compare(applied)
    assert report.differences[0].offset == min(planted)
    assert what <= {one.what.removeprefix(applied.topic_prefix) for one in report.differences}


def contracts(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    named = {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "CONTRACTS_MONGO_URI": settings.mongo_uri.get_secret_value(),
        "CONTRACTS_MONGO_DATABASE": settings.mongo_database,
        "CONTRACTS_TOPIC_PREFIX": settings.topic_prefix,
        "CONTRACTS_GROUP_ID": settings.group_id,
        "CONTRACTS_TOPIC_REPLICATION_FACTOR": "1",
        "CONTRACTS_TOPIC_PARTITIONS": str(settings.topic_partitions),
    }
    return subprocess.run(
        [sys.executable, "-m", "consumer", *arguments],
        cwd=ROOT,
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        check=False,
    )


OTHER_RELEASE = """#!{python}
import sys
sys.path.insert(0, {root!r})
from consumer.domain.model import Changed
from consumer.engine import fold
decide = fold.decide
def other(contract, command, *more):
    verdict = decide(contract, command, *more)
    if (command.account_id, command.offset) != ({account!r}, {offset}) or verdict.contract is None:
        return verdict
    contract = verdict.contract | dict(notes="by the other release")
    told = [one._replace(contract=contract) if isinstance(one, Changed) else one for one in verdict.events]
    return verdict._replace(contract=contract, events=tuple(told))
fold.decide = other
import consumer.__main__
"""


def test_against_another_release_only_its_rule_is_found(applied: Settings, tmp_path: Path) -> None:
    """Both find what was changed by hand; it is no difference between them."""
    with MongoClient[dict[str, Any]](applied.mongo_uri.get_secret_value()) as client:
        database = client[applied.mongo_database]
        # The last command of some contracts only sent a notice: no output has such a contract.
        by_hand, decided, *_ = (
            found
            for found in database.contracts.find({"notes": {"$exists": False}})
            if found["updated_at"] == found["lifecycle"]["at"]
        )
        database.contracts.update_one({"_id": by_hand["_id"]}, {"$set": {"size": 1}})
    program = tmp_path / "contracts"
    offset = decided["lifecycle"]["offset"]
    account = decided["account_id"]  # other partitions have the same offset
    program.write_text(
        OTHER_RELEASE.format(python=sys.executable, root=str(ROOT), account=account, offset=offset)
    )
    program.chmod(0o755)
    alone = contracts(applied, "shadow", "--json")
    assert alone.returncode == 23, alone.stderr
    assert [json.loads(line)["path"] for line in alone.stdout.splitlines()] == ["/size"]
    both = contracts(applied, "shadow", "--json", "--against", str(program))
    assert both.returncode == 23, both.stderr
    rows = [json.loads(line) for line in both.stdout.splitlines()]
    assert {row["offset"] for row in rows} == {offset}
    assert {row["what"].removeprefix(applied.topic_prefix) for row in rows} >= {
        "contracts",
        "contracts.changed",
    }
