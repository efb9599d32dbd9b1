"""The floor of one command's way: a bare MongoDB transaction, then a bare Kafka transaction.

`python -m …transact WRITES FILE TRIES PAUSE`: repeats recorded transactions of single commands, with
records of the usual size, as the service's own libraries do it, and leaves the seconds of each in FILE.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from aiokafka import AIOKafkaProducer, TopicPartition
from pymongo import MongoClient

from benchmarks.contenders.apps.write import load
from consumer.settings import load_settings
from schemas.topics import CHANGED, COMMAND_RESULTS, COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.settings import Settings

CHANGED_BYTES = 1_500
RESULT_BYTES = 300


def transactions(recorded: Path, client: MongoClient[Any], database: str) -> Iterator[list[dict[str, Any]]]:
    """The recorded transactions, one after the other; what came before them is carried out at once."""
    single, streams = load(recorded)
    for command in single:
        client[database].command(command)
    recorded_order = sorted(chain(*streams.values()), key=lambda transaction: sum(transaction.after.values()))
    yield from (transaction.commands for transaction in recorded_order)


def store(client: MongoClient[Any], database: str, commands: list[dict[str, Any]]) -> None:
    """One bare MongoDB transaction."""
    with client.start_session() as session, session.start_transaction():
        for command in commands:
            client[database].command(dict(command), session=session)


async def publish(producer: AIOKafkaProducer, settings: Settings, offset: int) -> None:
    """One bare Kafka transaction: an event, a result and an offset."""
    prefix = settings.topic_prefix
    await producer.begin_transaction()
    sent = [
        await producer.send(prefix + CHANGED, os.urandom(CHANGED_BYTES), partition=0),
        await producer.send(prefix + COMMAND_RESULTS, os.urandom(RESULT_BYTES), partition=0),
    ]
    offsets = {TopicPartition(prefix + COMMANDS, 0): offset}
    await asyncio.gather(*sent, producer.send_offsets_to_transaction(offsets, f"{settings.group_id}-floor"))
    await producer.commit_transaction()


async def main() -> None:
    """Time both, one after the other."""
    recorded, path, tries, pause = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    settings = load_settings()
    client: MongoClient[Any] = MongoClient(settings.mongo_uri.get_secret_value(), w="majority")
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        transactional_id=f"{settings.group_id}-floor",
        acks="all",
        retry_backoff_ms=5,  # aiokafka's default of 100 is added to many a transaction,
    )
    await producer.start()
    mongo, kafka = [], []
    for number, commands in enumerate(transactions(recorded, client, settings.mongo_database)):
        if number == tries:
            break
        await asyncio.sleep(pause)
        began = time.perf_counter()
        store(client, settings.mongo_database, commands)
        stored = time.perf_counter()
        await publish(producer, settings, number + 1)
        mongo.append(stored - began)
        kafka.append(time.perf_counter() - stored)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"mongo": mongo, "kafka": kafka}))
    partial.rename(path)
    await producer.stop()


if __name__ == "__main__":
    uvloop.run(main())
