"""The log applied again beside the service: nothing differs, and a planted rule is found where it counts."""

import asyncio
from typing import Any

import pytest
from pymongo import MongoClient

from consumer.domain.model import Changed
from consumer.engine import fold
from consumer.operator.shadowing import SUFFIX, compare
from consumer.settings import Settings
from tests.running import running, settings_for
from tests.system.engine.test_replay import at_rest, publish


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
    with MongoClient[dict[str, Any]](applied.mongo_uri.get_secret_value()) as client:
        assert applied.mongo_database + SUFFIX not in client.list_database_names()


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
