"""A record of every way to get it wrong, sent to the running service: it goes on, and tells each apart."""

import asyncio
import hashlib
import json
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer

from consumer.clients import contract_reader
from consumer.operator.dead_letters import LetterQuery, dead_letters
from consumer.settings import Settings
from consumer.storage.indexes import CONTRACT_VALIDATOR
from devstack.proof.message import Message
from devstack.proof.sending import Sender
from producers.connect import make_command_producer
from schemas.partitioning import murmur2_home
from tests.running import running, settings_for

PARTITIONS = 3
HOME = murmur2_home(b"acme", PARTITIONS)
UPDATE = "com.easytrade.contract.update.v1"
NOTE = b'{"changes": {"notes": "hello"}}'
LARGE = b'{"changes": {"notes": "' + b"x" * 300_000 + b'"}}'
HUGE = b'{"changes": {"notes": "' + b"x" * 950_000 + b'"}}'


def message(id_: str, value: bytes | None = NOTE, *, key: bytes | None = b"acme", **changed: Any) -> Message:
    attributes = {
        "ce_specversion": b"1.0",
        "ce_id": id_.encode(),
        "ce_source": b"/crm",
        "ce_type": UPDATE.encode(),
        "content-type": b"application/json",
        **changed,
    }
    headers: list[tuple[str, bytes | None]] = [(name, text) for name, text in attributes.items() if text]
    return Message(key, value, headers, partition=HOME)


class Row(NamedTuple):
    """One bad record, its dead letter's reason, and whether its sender can be told."""

    message: Message
    reason: str
    answered: bool


ROWS = {
    "not-json": Row(message("not-json", b"hello"), "malformed", answered=True),
    "cut-off": Row(message("cut-off", NOTE[:-2]), "malformed", answered=True),
    "no-value": Row(message("no-value", None), "malformed", answered=True),
    "not-utf8": Row(message("not-utf8", b'{"changes": {"notes": "\xff"}}'), "malformed", answered=True),
    "nan": Row(message("nan", b'{"changes": {"base_monthly_fee": NaN}}'), "malformed", answered=True),
    "infinity": Row(
        message("infinity", b'{"changes": {"base_monthly_fee": Infinity}}'), "malformed", answered=True
    ),
    "key-twice": Row(
        message("key-twice", b'{"changes": {"notes": "a", "notes": "b"}}'), "malformed", answered=True
    ),
    "too-deep": Row(message("too-deep", b"[" * 65 + b"]" * 65), "malformed", answered=True),
    "too-large": Row(message("too-large", LARGE), "malformed", answered=True),
    "above-the-topic": Row(message("above-the-topic", HUGE), "malformed", answered=True),
    "no-id": Row(message("no-id", ce_id=None), "bad_envelope", answered=False),
    "no-source": Row(message("no-source", ce_source=None), "bad_envelope", answered=False),
    "old-spec": Row(message("old-spec", ce_specversion=b"0.3"), "bad_envelope", answered=True),
    "bad-time": Row(message("bad-time", ce_time=b"yesterday"), "bad_envelope", answered=True),
    "unknown-type": Row(
        message("unknown-type", ce_type=UPDATE[:-3].encode() + b"d.v1"), "unknown_type", answered=True
    ),
    "unknown-version": Row(
        message("unknown-version", ce_type=UPDATE[:-1].encode() + b"9"), "unknown_type", answered=True
    ),
    "no-key": Row(message("no-key", key=None), "key_mismatch", answered=False),
    "other-subject": Row(message("other-subject", ce_subject=b"umbra"), "key_mismatch", answered=True),
    "forwarded-twice": Row(
        message("forwarded-twice", **{"contracts-forwarded-from": b"commands/0/1"})._replace(
            partition=(HOME + 1) % PARTITIONS
        ),
        "wrong_partition",
        answered=True,
    ),
    "a-typo": Row(message("a-typo", b'{"changes": {"note": "x"}}'), "schema_violation", answered=True),
    "huge-integer": Row(
        message("huge-integer", b'{"changes": {"term_months": 123456789012345678901234567890}}'),
        "schema_violation",
        answered=True,
    ),
    "an-operator": Row(
        message("an-operator", b'{"changes": {"notes": {"$gt": ""}}}'), "schema_violation", answered=True
    ),
    "unreadable": Row(message("unreadable")._replace(via="unreadable"), "unreadable", answered=False),
}


async def results(settings: Settings, bootstrap: str) -> dict[str, tuple[str, str | None]]:
    """Outcome and code of every answered command, by its id, from the topic that their senders read."""
    consumer = AIOKafkaConsumer(
        f"{settings.topic_prefix}contracts.command-results",
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    async with consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        found = {}
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    result = json.loads(record.value)
                    assert result["command"]["id"] not in found
                    found[result["command"]["id"]] = (result["outcome"], result.get("code"))
        return found


async def test_every_row_has_its_outcome_and_the_service_goes_on(
    kafka: Any, mongo: Any, database: str
) -> None:
    settings = settings_for(kafka, mongo, database, result_timeout_seconds=60, topic_partitions=PARTITIONS)
    topic = f"{settings.topic_prefix}contracts.commands"
    async with running(settings) as service, make_command_producer(settings, source="/crm") as commands:
        answered = commands.awaiting()
        await answered.create("acme", contract_type="basic")
        sender = Sender(kafka.bootstrap, topic, PARTITIONS)
        for row in ROWS.values():
            await asyncio.to_thread(sender.send, [row.message])
            await asyncio.to_thread(sender.flush)
            await answered.update("acme", changes={"tags": [row.message.headers[1][1].decode()]})
        letters = [each async for each in dead_letters(settings, LetterQuery())]
        history = service.database["history"]
        dead = [each async for each in history.find({"outcome": "dead_letter"})]

        assert len(letters) == len(dead) == len(ROWS)
        assert sorted(each.reason for each in letters) == sorted(row.reason for row in ROWS.values())
        by_id = {dict(each.headers).get("ce_id", b"").decode(): each for each in letters}
        for name in ROWS.keys() - {"no-id", "above-the-topic", "unreadable"}:
            row, letter = ROWS[name], by_id[name]
            assert letter.reason == row.reason, name
            assert letter.source.startswith(f"{topic}/"), name
            assert letter.key == row.message.key, name
            assert letter.value == row.message.value, name
        told = await results(settings, kafka.bootstrap)
        assert {name: told[name] for name in ROWS if name in told} == {
            name: ("rejected", row.reason) for name, row in ROWS.items() if row.answered
        }
        assert {name: each for name, each in told.items() if name not in ROWS} == dict.fromkeys(
            told.keys() - ROWS.keys(), ("applied", None)
        )
        assert service.metrics.value("dead_letters_total", reason="malformed") == 10


async def test_a_letter_above_the_topics_limit_is_a_pointer(kafka: Any, mongo: Any, database: str) -> None:
    settings = settings_for(kafka, mongo, database, result_timeout_seconds=60, topic_partitions=PARTITIONS)
    async with running(settings), make_command_producer(settings, source="/crm") as commands:
        sender = Sender(kafka.bootstrap, f"{settings.topic_prefix}contracts.commands", PARTITIONS)
        await asyncio.to_thread(sender.send, [message("above", HUGE)])
        await asyncio.to_thread(sender.flush)
        await commands.awaiting().create("acme", contract_type="basic")
        (letter,) = [each async for each in dead_letters(settings, LetterQuery())]
    assert letter.value is None
    assert letter.value_hash == hashlib.sha256(HUGE).hexdigest()


async def test_what_the_state_forbids_is_rejected_and_no_dead_letter(
    kafka: Any, mongo: Any, database: str
) -> None:
    settings = settings_for(kafka, mongo, database, result_timeout_seconds=60, topic_partitions=PARTITIONS)
    async with running(settings), make_command_producer(settings, source="/crm") as commands:
        answered = commands.awaiting()
        await answered.create("acme", contract_type="basic")
        refused = await answered.create("acme", contract_type="basic")
        assert (refused.outcome, refused.code) == ("rejected", "contract_exists")
        assert [each async for each in dead_letters(settings, LetterQuery())] == []


async def test_hostile_text_is_stored_as_it_came(kafka: Any, mongo: Any, database: str) -> None:
    settings = settings_for(kafka, mongo, database, result_timeout_seconds=60, topic_partitions=PARTITIONS)
    hostile = {
        "$where": "sleep(1)",
        "a.b": "$set",
        "%24": "\u202eright to left",
        "n": "\u0000\u0007 🙂 \uffff",
    }
    async with running(settings), make_command_producer(settings, source="/crm") as commands:
        await commands.awaiting().create("acme", contract_type="basic", metadata=hostile, notes='{"$gt": ""}')
        async with contract_reader(settings) as reader:
            found = await reader.by_account("acme")
    assert found is not None
    assert found["metadata"] == hostile
    assert found["notes"] == '{"$gt": ""}'


async def test_a_command_that_only_the_database_refuses_is_a_dead_letter_among_others(
    kafka: Any, mongo: Any, database: str
) -> None:
    """Nothing of its batch is lost with it, and its partition goes on at once."""
    settings = settings_for(kafka, mongo, database, result_timeout_seconds=60, topic_partitions=1)
    async with running(settings) as service, make_command_producer(settings, source="/crm") as commands:
        answered = commands.awaiting()
        refusing = {**CONTRACT_VALIDATOR, "notes": {"$ne": "note 37"}}
        await service.database.command("collMod", "contracts", validator=refusing)
        results = await asyncio.gather(
            *(
                answered.create(f"account-{number}", contract_type="basic", notes=f"note {number}")
                for number in range(100)
            )
        )
        after = await answered.update("account-36", changes={"notes": "and on"})
        (letter,) = [each async for each in dead_letters(settings, LetterQuery())]
    refused = {number: result.code for number, result in enumerate(results) if result.outcome != "applied"}
    assert refused == {37: "refused_by_database"}
    assert (letter.reason, letter.key) == ("refused_by_database", b"account-37")
    assert after.outcome == "applied"
