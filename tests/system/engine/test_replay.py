"""The whole log into an empty database: contracts and history come back byte for byte."""

import asyncio
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from consumer import clients
from consumer.operator.choices import Decision
from consumer.settings import Settings
from devstack.proof.load import Load
from devstack.proof.sending import Sender
from schemas.topics import COMMANDS
from tests.running import positions, running, settings_for, until

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
RECORDS = 900
SMALL, LARGE = 3, 500


async def test_a_replay_is_byte_identical(kafka: Any, mongo: Any, database: str) -> None:
    """First in small batches, where most changes are updates of stored contracts; then in large ones."""
    small = settings_for(kafka, mongo, database, max_batch_commands=SMALL)
    async with running(small):
        await asyncio.to_thread(publish, small)
        await at_rest(small)
    before, moved = stored(small), movements(small)
    client = clients.open_mongo(small)
    await client.drop_database(database)
    client.close()
    large = settings_for(kafka, mongo, database, max_batch_commands=LARGE)
    async with positions(large) as admin:
        await admin.reset(Decision.REBUILD)
    async with running(large):
        await at_rest(large)
    after = stored(large)
    assert len(moved) > 5
    assert movements(large) == moved
    assert len(before["contracts"]) > 20
    assert before["former_contracts"]
    assert len(before["history"]) == RECORDS
    for collection, documents in before.items():
        assert after[collection].keys() == documents.keys()
        differing = [key for key, raw in documents.items() if after[collection][key] != raw]
        assert differing == [], (collection, documents[differing[0]], after[collection][differing[0]])


def publish(settings: Settings, **load: Any) -> None:
    topic = settings.topic_prefix + COMMANDS
    sender = Sender(settings.kafka_bootstrap_servers, topic, settings.topic_partitions)
    sender.send(Load(4, **{"accounts": 60, "misplaced": 0, **load}).messages(RECORDS))
    sender.flush()


async def at_rest(settings: Settings) -> None:
    """Everything in the log is applied, and published or known to have been."""
    async with positions(settings) as admin:

        async def done() -> bool:
            rows = await admin.show()
            return all(row.position == row.published == row.log_end for row in rows)

        await until(done)


def movements(settings: Settings) -> dict[Any, Any]:
    """Each tally of revenue, by its id; the order of its fields is that in which they came."""
    with MongoClient[dict[str, Any]](settings.mongo_uri.get_secret_value()) as client:
        return {each["_id"]: each for each in client[settings.mongo_database].movements.find()}


def stored(settings: Settings) -> dict[str, dict[Any, bytes]]:
    """Every document as the server sends it, by its id."""
    with MongoClient[dict[str, Any]](settings.mongo_uri.get_secret_value()) as client:
        database = client[settings.mongo_database]
        return {
            name: {each["_id"]: each.raw for each in found}
            for name in ("contracts", "former_contracts", "history")
            if (found := database.get_collection(name, codec_options=RAW).find())
        }
