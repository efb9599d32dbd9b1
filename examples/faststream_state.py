"""A read model from `contracts.state` alone, with FastStream: each record is the newest state of its account.

    python examples/faststream_state.py model.db GROUP

Who needs contracts and no events needs no more than this. Every write may be repeated, so that offsets are
committed after the work. Ends with Ctrl-C.
"""

import asyncio
import json
import os
import sqlite3
import sys

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage

SERVERS = os.environ.get("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
PREFIX = os.environ.get("CONTRACTS_TOPIC_PREFIX", "")
FILE, GROUP = sys.argv[1:]

broker = KafkaBroker(SERVERS)
model = sqlite3.connect(FILE)
model.execute(
    "CREATE TABLE IF NOT EXISTS contracts (account_id TEXT PRIMARY KEY, contract TEXT, sequence TEXT)"
)


async def as_it_is(message: KafkaMessage) -> bytes:
    """Undecoded: a record without a value is no JSON."""
    return message.body or b""


@broker.subscriber(
    PREFIX + "contracts.state",
    group_id=GROUP,
    auto_offset_reset="earliest",
    isolation_level="read_committed",
    ack_policy=AckPolicy.NACK_ON_ERROR,
    decoder=as_it_is,
)
async def on_state(body: bytes, message: KafkaMessage) -> None:
    """Keep the newest; a deletion keeps its place, so that nothing older comes back."""
    contract = json.dumps(json.loads(body)["contract"]) if body else None
    with model:
        model.execute(
            """
            INSERT INTO contracts VALUES (?, ?, ?)
            ON CONFLICT (account_id) DO UPDATE SET contract = excluded.contract, sequence = excluded.sequence
            WHERE excluded.sequence > contracts.sequence
            """,
            (message.raw_message.key.decode(), contract, message.headers["ce_sequence"]),
        )


if __name__ == "__main__":
    asyncio.run(FastStream(broker).run())
