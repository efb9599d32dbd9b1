"""Events as `contracts events` shows them, on every broker."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumer.cli.events import summary, time_of
from consumer.errors import BrokerUnavailable, InputRefused, TopicsMissing
from consumer.reading.events import EventQuery, ReadEvent, events
from consumer.settings import load_settings
from tests.running import settings_for
from tests.system.operator.conftest import Scene


async def told(scene: Scene, **query: Any) -> list[tuple[str, str]]:
    found = [event async for event in events(scene.settings, EventQuery(**query))]
    return [(event.account_id, summary(event)) for event in found]


async def test_all_up_to_now_and_no_further(scene: Scene) -> None:
    found = await told(scene)
    assert len(found) == 9
    assert sum("rejected" in what for _, what in found) == 3


async def test_those_of_an_account_in_their_order(scene: Scene) -> None:
    assert await told(scene, account_id="acme", events=frozenset({"changed"})) == [
        ("acme", "created, version 1"),
        ("acme", "updated, version 2: auto_renewal"),
    ]
    assert await told(scene, account_id="nobody") == []


async def test_those_of_a_kind(scene: Scene) -> None:
    assert await told(scene, changes=frozenset({"updated"})) == [("acme", "updated, version 2: auto_renewal")]
    assert len(await told(scene, events=frozenset({"command_result"}))) == 6
    assert await told(scene, events=frozenset({"expiring"})) == []


async def test_those_since_a_time(scene: Scene) -> None:
    now = datetime.now(UTC)
    assert await told(scene, since=now + timedelta(hours=1)) == []
    assert len(await told(scene, since=now - timedelta(hours=1))) == 9


async def test_new_ones_as_they_come(scene: Scene) -> None:
    found: asyncio.Queue[ReadEvent] = asyncio.Queue()
    standing = asyncio.Event()

    async def follow() -> None:
        async for event in events(scene.settings, EventQuery(follow=True, changes=frozenset({"updated"}))):
            standing.set()
            await found.put(event)

    reader = asyncio.create_task(follow())
    try:
        wait = scene.commands.awaiting()
        number = 0
        async with asyncio.timeout(60):
            while not standing.is_set():  # a change before it stands at the end is not for it
                number += 1
                await wait.update("acme", changes={"notes": f"change {number}"})
                await asyncio.sleep(0.1)
            first = await found.get()
            assert first.data["changed_fields"][0]["path"] == "/notes"
            assert int(first.data["contract"]["notes"].split()[1]) <= number
    finally:
        reader.cancel()
        await asyncio.wait({reader})


async def test_a_topic_that_is_not_there_is_told(kafka: Any, database: str) -> None:
    async def first(found: AsyncIterator[ReadEvent]) -> ReadEvent:
        return await anext(found)

    with pytest.raises(TopicsMissing):
        await first(events(settings_for(kafka, None, database), EventQuery()))
    with pytest.raises(BrokerUnavailable):
        await first(events(load_settings(kafka_bootstrap_servers="127.0.0.1:1"), EventQuery()))


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("15m", NOW - timedelta(minutes=15)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:00:00+02:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
    ],
)
def test_times(text: str, moment: datetime) -> None:
    assert time_of(text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["yesterday", "5", "2026-11-01T10:00:00", "2026-11-01T24:00:00Z", "999999999d", "99999999999d"]
)
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(InputRefused):
        time_of(text, NOW)
