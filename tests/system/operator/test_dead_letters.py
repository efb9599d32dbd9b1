"""Dead letters are shown whole and sent again once, on every broker."""

import asyncio
from typing import Any

import pytest
from confluent_kafka import Producer

from consumer.clients import open_mongo
from consumer.errors import InputRefused
from consumer.operator.dead_letters import REDRIVEN_HEADER, LetterQuery, dead_letter, dead_letters, original
from consumer.operator.redrive import Redrive, Redriven
from consumer.storage.redrives import MongoRedriveStore
from producers.commands import CommandProducer
from producers.messages import unchecked_message
from schemas.partitioning import murmur2_home
from tests.system.operator.conftest import Scene


async def replayed(
    scene: Scene, producer: CommandProducer | None, *, force: bool = False, **query: Any
) -> list[Redriven]:
    client = open_mongo(scene.settings)
    store = MongoRedriveStore(client, scene.settings.mongo_database)
    letters = [each async for each in dead_letters(scene.settings, LetterQuery(**query))]
    try:
        return [each async for each in Redrive(scene.settings, store, producer, force=force).run(letters)]
    finally:
        client.close()


def fates(done: list[Redriven]) -> list[str]:
    return [each.fate for each in done]


async def until_answered(scene: Scene) -> None:
    """Whatever comes after a record of the account has been answered, too."""
    await scene.commands.awaiting().update("acme", changes={"tags": []})


async def test_they_are_listed_with_what_was_wrong(scene: Scene) -> None:
    found = [each async for each in dead_letters(scene.settings, LetterQuery())]
    assert [(each.reason, each.path, each.key) for each in found] == [
        ("malformed", "", b"acme"),
        ("schema_violation", "/changes/note", b"acme"),
    ]
    assert found[0].value == b"not JSON"
    assert dict(found[0].headers)["ce_source"] == b"/crm"
    assert not any(name.startswith("dlq-") for name, _ in found[0].headers)
    assert await dead_letter(scene.settings, found[1].id) == found[1]
    typo = LetterQuery(reasons=frozenset({"schema_violation"}), key="acme")
    assert [each async for each in dead_letters(scene.settings, typo)] == found[1:]


@pytest.mark.parametrize("id_", ["9/9", "0/99999", "first", "0/-1"])
async def test_one_that_is_not_there(scene: Scene, id_: str) -> None:
    with pytest.raises(InputRefused):
        await dead_letter(scene.settings, id_)


async def test_they_are_chosen_by_reason_key_and_offset(scene: Scene) -> None:
    everything = await replayed(scene, None)
    assert len(everything) == 2
    (second,) = await replayed(scene, None, ids=frozenset({everything[1].letter.id}))
    assert second == everything[1]
    assert await replayed(scene, None, reasons=frozenset({"malformed"}), key="acme") == everything[:1]
    assert await replayed(scene, None, key="umbra") == []


async def test_nothing_is_sent_by_a_dry_run(scene: Scene) -> None:
    before = await scene.service.database["history"].count_documents({})
    assert fates(await replayed(scene, None)) == ["would be sent"] * 2
    await until_answered(scene)
    assert await scene.service.database["history"].count_documents({}) == before + 1


async def test_one_is_sent_once_with_its_headers_and_a_mark(scene: Scene) -> None:
    query = {"reasons": frozenset({"schema_violation"})}
    (sent,) = await replayed(scene, scene.commands, **query)
    assert sent.fate == "sent"
    await until_answered(scene)

    first, back = [each async for each in dead_letters(scene.settings, LetterQuery(**query))]
    assert back.came_back
    assert back.headers == (*first.headers, (REDRIVEN_HEADER, first.id.encode()))
    assert (back.key, back.value) == (first.key, first.value)
    assert fates(await replayed(scene, scene.commands, **query)) == ["skipped", "skipped"]
    assert fates(await replayed(scene, scene.commands, force=True, **query)) == ["sent", "sent"]


async def test_one_that_was_only_misplaced_is_applied(scene: Scene) -> None:
    """Forwarded before, and away from home again: replayed, it goes home."""
    settings = scene.settings
    message = scene.commands.message("update", "acme", {"changes": {"notes": "at last"}})
    headers = {**dict(message.headers), "contracts-forwarded-from": b"elsewhere/0/7"}
    away = (murmur2_home(b"acme", settings.topic_partitions) + 1) % settings.topic_partitions
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    topic = f"{settings.topic_prefix}contracts.commands"
    producer.produce(topic, message.value, b"acme", partition=away, headers=headers)
    await asyncio.to_thread(producer.flush, 30)
    query = {"reasons": frozenset({"wrong_partition"})}
    async with asyncio.timeout(60):
        while not (done := await replayed(scene, scene.commands, **query)):
            pass  # each look takes its time
    assert fates(done) == ["sent"]
    await until_answered(scene)
    contract = await scene.service.database["contracts"].find_one({"account_id": "acme"})
    assert contract is not None
    assert contract["notes"] == "at last"


async def test_a_value_too_large_to_be_copied_is_taken_from_the_log(scene: Scene) -> None:
    value = b'{"changes": {"notes": "' + b"x" * 950_000 + b'"}}'
    await scene.commands.awaiting().result(unchecked_message("update", "big", value, source="/crm"))
    (letter,) = [each async for each in dead_letters(scene.settings, LetterQuery(key="big"))]
    assert letter.value is None
    assert letter.value_hash
    found, headers = await original(scene.settings, letter)
    assert found == value
    assert ("ce_source", b"/crm") in headers
