"""A plain exactly-once loop of aiokafka and motor: a MongoDB and a Kafka transaction for whatever has come.

No command is decoded, decided, deduplicated or cached. Contracts, history and a position are written in the
usual sizes, then an event and a result for each command are published with the group's offsets. While one
batch is published, the next is stored. Ends in order on SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import InsertOne, ReplaceOne

from consumer.settings import load_settings
from schemas.topics import CHANGED, COMMAND_RESULTS, COMMANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTRACT_BYTES = 1_000
HISTORY_BYTES = 500
CHANGED_BYTES = 1_500
RESULT_BYTES = 300
WAIT_MS = 100
SETTINGS = load_settings()


async def store(client: Any, records: Sequence[Any]) -> None:
    """One transaction: a contract for each account, a history entry for each command, the position."""
    database = client[SETTINGS.mongo_database]
    accounts = {record.key.decode() for record in records}
    contracts = [
        ReplaceOne(
            {"account_id": each}, {"account_id": each, "terms": os.urandom(CONTRACT_BYTES)}, upsert=True
        )
        for each in accounts
    ]
    history = [InsertOne({"entry": os.urandom(HISTORY_BYTES)}) for _ in records]
    async with await client.start_session() as session, session.start_transaction():
        await database.contracts.bulk_write(contracts, ordered=False, session=session)
        await database.history.bulk_write(history, ordered=False, session=session)
        position = {"_id": SETTINGS.group_id, "next": records[-1].offset}
        await database.positions.replace_one(
            {"_id": SETTINGS.group_id}, position, upsert=True, session=session
        )


async def publish(producer: AIOKafkaProducer, records: Sequence[Any]) -> None:
    """One transaction: an event and a result for each command, and the offsets."""
    prefix = SETTINGS.topic_prefix
    sent = []
    await producer.begin_transaction()
    for record in records:
        causes = [("ce_causationid", dict(record.headers)["ce_id"])]
        at = {"partition": record.partition, "key": record.key, "headers": causes}
        sent.append(await producer.send(prefix + CHANGED, os.urandom(CHANGED_BYTES), **at))
        sent.append(await producer.send(prefix + COMMAND_RESULTS, os.urandom(RESULT_BYTES), **at))
    offsets = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
    await asyncio.gather(*sent, producer.send_offsets_to_transaction(offsets, SETTINGS.group_id))
    await producer.commit_transaction()


async def main() -> None:
    """Loops until told to end."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(SETTINGS.mongo_uri.get_secret_value(), w="majority")
    await client[SETTINGS.mongo_database].contracts.create_index("account_id", unique=True)
    servers = SETTINGS.kafka_bootstrap_servers
    consumer = AIOKafkaConsumer(
        SETTINGS.topic_prefix + COMMANDS,
        bootstrap_servers=servers,
        group_id=SETTINGS.group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        transactional_id=f"{SETTINGS.group_id}-plain",
        acks="all",
        compression_type="lz4",
        retry_backoff_ms=5,  # aiokafka's default of 100 is added to many a transaction
    )
    await producer.start()
    await consumer.start()
    publishing = asyncio.create_task(asyncio.sleep(0))
    while not ended.is_set():
        found = await consumer.getmany(timeout_ms=WAIT_MS)
        if records := [record for batch in found.values() for record in batch]:
            await store(client, records)
            await publishing
            publishing = asyncio.create_task(publish(producer, records))
    await publishing
    await consumer.stop()
    await producer.stop()


if __name__ == "__main__":
    uvloop.run(main())
