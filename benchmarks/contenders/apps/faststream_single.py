"""FastStream as in its tutorial, with an ack policy that loses nothing: one message at a time.

Load, decide, upsert, publish one event and wait for it, commit the offset; at least once.
"""

from __future__ import annotations

from typing import Any

import uvloop
from aiokafka import ConsumerRecord  # noqa: TC002 - FastStream reads the annotations
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage

from benchmarks.contenders.apps.decisions import SETTINGS, account_of, contracts, decided, loaded, stored
from schemas.topics import CHANGED, COMMANDS

broker = KafkaBroker(
    SETTINGS.kafka_bootstrap_servers, acks="all", enable_idempotence=True, apply_types=False, logger=None
)
app = FastStream(broker, logger=None)
changed = SETTINGS.topic_prefix + CHANGED
collection = contracts()  # motor takes the loop that runs when it is first used


async def as_it_is(message: KafkaMessage) -> Any:
    """The record itself: it is parsed once, in the handler."""
    return message.raw_message


@broker.subscriber(
    SETTINGS.topic_prefix + COMMANDS,
    group_id=SETTINGS.group_id,
    ack_policy=AckPolicy.NACK_ON_ERROR,
    auto_offset_reset="earliest",
    isolation_level="read_committed",
    decoder=as_it_is,
    no_reply=True,
)
async def handle(record: ConsumerRecord[bytes, bytes]) -> None:
    """One command."""
    account = account_of(record)
    document = await collection.find_one({"account_id": account})
    result = decided(record, loaded(document) if document else None)
    if result.event is None:
        return
    await collection.replace_one({"account_id": account}, stored(result.contract), upsert=True)
    await broker.publish(result.event, changed, key=record.key, headers=result.headers)


if __name__ == "__main__":
    uvloop.run(app.run())
