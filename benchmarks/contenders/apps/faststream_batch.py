"""FastStream at its fastest: its batch subscriber, bulk reads and writes, batched publishing.

What its documentation offers for speed is used: large batches, no type conversion, the records as they
are, publish_batch for each partition, compression, uvloop. At least once: events may come twice after a
crash, and a crash between database and broker repeats the batch.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from typing import Any

import uvloop
from aiokafka import ConsumerRecord  # noqa: TC002 - FastStream reads the annotations
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage, KafkaPublishMessage
from pymongo import InsertOne, ReplaceOne

from benchmarks.contenders.apps.decisions import SETTINGS, account_of, contracts, decided, loaded, stored
from schemas.topics import CHANGED, COMMANDS

MAX_RECORDS = int(os.environ.get("BENCHMARK_FASTSTREAM_RECORDS", "2000"))
REQUEST_BYTES = 1 << 20
CHUNK_BYTES = 900_000

broker = KafkaBroker(
    SETTINGS.kafka_bootstrap_servers,
    acks="all",
    enable_idempotence=True,
    compression_type="lz4",
    max_batch_size=REQUEST_BYTES,
    apply_types=False,
    logger=None,
)
app = FastStream(broker, logger=None)
changed = SETTINGS.topic_prefix + CHANGED
collection = contracts()  # motor takes the loop that runs when it is first used


async def as_they_are(message: KafkaMessage) -> Any:
    """The records themselves: they are parsed once, in the handler."""
    return message.raw_message


@broker.subscriber(
    SETTINGS.topic_prefix + COMMANDS,
    group_id=SETTINGS.group_id,
    batch=True,
    max_records=MAX_RECORDS,
    batch_timeout_ms=20,
    ack_policy=AckPolicy.NACK_ON_ERROR,
    auto_offset_reset="earliest",
    isolation_level="read_committed",
    max_partition_fetch_bytes=4 << 20,
    decoder=as_they_are,
    no_reply=True,
)
async def handle(records: tuple[ConsumerRecord[bytes, bytes], ...]) -> None:
    """One batch of commands."""
    accounts = {account_of(record) for record in records}
    documents = await collection.find({"account_id": {"$in": list(accounts)}}).to_list(None)
    before = {document["account_id"]: loaded(document) for document in documents}
    after = dict(before)
    events: dict[int, list[KafkaPublishMessage]] = defaultdict(list)
    for record in records:
        result = decided(record, after.get(account_of(record)))
        if result.event is not None:
            after[result.account_id] = result.contract
            events[record.partition].append(KafkaPublishMessage(result.event, key=record.key))
    writes = [_write(before.get(account), contract) for account, contract in after.items()]
    await collection.bulk_write(writes, ordered=False)
    await asyncio.gather(*(_publish(partition, messages) for partition, messages in events.items()))


def _write(before: Any, after: Any) -> Any:
    if before is None:
        return InsertOne(stored(after))
    return ReplaceOne({"account_id": after["account_id"]}, stored(after))


async def _publish(partition: int, messages: list[KafkaPublishMessage]) -> None:
    chunk: list[KafkaPublishMessage] = []
    size = 0
    for message in messages:
        if size + len(message.body) > CHUNK_BYTES:
            await broker.publish_batch(*chunk, topic=changed, partition=partition)
            chunk, size = [], 0
        chunk.append(message)
        size += len(message.body) + 100
    await broker.publish_batch(*chunk, topic=changed, partition=partition)


if __name__ == "__main__":
    uvloop.run(app.run())
