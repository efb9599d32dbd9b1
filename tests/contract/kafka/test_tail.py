"""Reading topics up to their present end, on both brokers."""

import asyncio

import pytest

from consumer.errors import OutOfLog
from consumer.kafka.tail import tail
from consumer.settings import load_settings
from schemas.topics import COMMANDS
from tests.contract.kafka.reading import DEADLINE, Scene

BEFORE = 5


@pytest.fixture
async def commands(kafka, topic_prefix):
    made = Scene(kafka, f"{topic_prefix}{COMMANDS}")
    made.settings = load_settings(kafka_bootstrap_servers=kafka.bootstrap, topic_prefix=topic_prefix)
    yield made
    await made.close()


async def test_what_producers_send_meanwhile_is_left_out(commands, monkeypatch):
    """One more record comes before each read, and no read is empty."""
    await commands.send(*(b"%d" % number for number in range(BEFORE)))
    found = []
    async with tail(commands.settings, [COMMANDS]) as reader, asyncio.timeout(DEADLINE):
        await reader.seek(None)
        read = reader._consumer.getmany

        async def busy(*partitions, **options):
            await commands.send(b"later")
            while not (batches := await read(*partitions, **options)):
                pass
            return batches

        monkeypatch.setattr(reader._consumer, "getmany", busy)
        async for record in reader.to_end():
            found.append(record.value)
            assert len(found) <= BEFORE, "it follows the topic"
    assert found == [b"%d" % number for number in range(BEFORE)]


async def test_an_empty_topic_has_an_end(commands):
    async with tail(commands.settings, [COMMANDS]) as reader, asyncio.timeout(DEADLINE):
        await reader.seek(None)
        assert [record async for record in reader.to_end()] == []


async def test_a_topic_that_is_shorter_meanwhile_has_no_end(commands, monkeypatch):
    """It was created again, with fewer records."""
    await commands.send(*(b"%d" % number for number in range(BEFORE)))
    async with tail(commands.settings, [COMMANDS]) as reader, asyncio.timeout(DEADLINE):
        await reader.seek(None)
        ask, asked = reader._consumer.end_offsets, 0

        async def longer_at_first(partitions):
            nonlocal asked
            asked += 1
            return {each: end + (asked == 1) for each, end in (await ask(partitions)).items()}

        monkeypatch.setattr(reader._consumer, "end_offsets", longer_at_first)
        with pytest.raises(OutOfLog, match=f"ends at offset {BEFORE}, and ended at {BEFORE + 1} before"):
            async for _ in reader.to_end():
                pass
