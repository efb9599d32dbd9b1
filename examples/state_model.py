"""A read model that starts from `contracts.state` and goes on with the events: no gap, no overlap.

    python examples/state_model.py model.db

Its state is in SQLite, offsets in the same transaction: it may be killed at any moment. Ends with Ctrl-C.
"""

import asyncio
import json
import os
import sqlite3
import sys

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

SERVERS = os.environ.get("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
PREFIX = os.environ.get("CONTRACTS_TOPIC_PREFIX", "")
STATE = PREFIX + "contracts.state"
CHANGED = PREFIX + "contracts.changed"

SCHEMA = """
CREATE TABLE IF NOT EXISTS contracts (account_id TEXT PRIMARY KEY, contract TEXT, sequence TEXT);
CREATE TABLE IF NOT EXISTS handled (account_id TEXT, version INTEGER, change TEXT, sequence TEXT);
CREATE TABLE IF NOT EXISTS offsets (
    topic TEXT, number INTEGER, next INTEGER, until INTEGER, PRIMARY KEY (topic, number)
);
"""


def apply(model: sqlite3.Connection, record: ConsumerRecord) -> None:
    """Take over a state, or handle an event that is not in the state yet."""
    data = json.loads(record.value or b"{}")
    contract = None if data.get("change") == "deleted" else data.get("contract")
    account, sequence = record.key.decode(), dict(record.headers)["ce_sequence"].decode()
    taken = model.execute(
        """
        INSERT INTO contracts VALUES (?, ?, ?)
        ON CONFLICT (account_id) DO UPDATE SET contract = excluded.contract, sequence = excluded.sequence
        WHERE excluded.sequence > contracts.sequence
        """,
        (account, contract and json.dumps(contract), sequence),
    )
    if record.topic == CHANGED and taken.rowcount:  # here is the place for a handler's own work
        row = (account, data["version"], data["change"], sequence)
        model.execute("INSERT INTO handled VALUES (?, ?, ?, ?)", row)


def consumer(isolation_level: str) -> AIOKafkaConsumer:
    """All partitions of both topics, without a group: the offsets are in the model."""
    return AIOKafkaConsumer(
        STATE,
        CHANGED,
        bootstrap_servers=SERVERS,
        isolation_level=isolation_level,
        auto_offset_reset="earliest",
    )


def of(topic: str, reader: AIOKafkaConsumer) -> list[TopicPartition]:
    """The topic's partitions."""
    return [each for each in reader.assignment() if each.topic == topic]


async def begin(model: sqlite3.Connection, committed: AIOKafkaConsumer) -> None:
    """Note where the events go on, and then how far the state has to be read: in this order.

    Its end as `read_uncommitted` tells it: a transaction ends in one partition after the other, so
    that an event may be visible before the state beside it is.
    """
    events = await committed.end_offsets(of(CHANGED, committed))
    async with consumer("read_uncommitted") as uncommitted:
        states = await uncommitted.end_offsets(of(STATE, uncommitted))
    rows = [(*each, 0, until) for each, until in states.items()]
    rows += [(*each, following, following) for each, following in events.items()]
    with model:
        model.executemany("INSERT INTO offsets VALUES (?, ?, ?, ?)", rows)


async def follow(model: sqlite3.Connection) -> None:
    """Read the state, then the events, until cancelled."""
    async with consumer("read_committed") as reader:
        if model.execute("SELECT 1 FROM offsets").fetchone() is None:
            await begin(model, reader)
        untils = {}
        for topic, number, following, until in model.execute("SELECT * FROM offsets").fetchall():
            untils[topic, number] = until
            reader.seek(TopicPartition(topic, number), following)
        reader.pause(*of(CHANGED, reader))
        starting = True
        while True:
            if starting and all([await reader.position(each) >= untils[each] for each in of(STATE, reader)]):
                starting = False
                reader.pause(*of(STATE, reader))
                reader.resume(*of(CHANGED, reader))
                print("the state is read; now the events", flush=True)
            batches = await reader.getmany(timeout_ms=200)
            positions = [(await reader.position(each), *each) for each in reader.assignment()]
            with model:
                for records in batches.values():
                    for record in records:
                        apply(model, record)
                model.executemany("UPDATE offsets SET next = ? WHERE topic = ? AND number = ?", positions)


def main(path: str) -> None:
    """Keep the read model in a file."""
    model = sqlite3.connect(path)
    model.executescript(SCHEMA)
    try:
        asyncio.run(follow(model))
    except KeyboardInterrupt:
        pass
    finally:
        model.close()


if __name__ == "__main__":
    main(sys.argv[1])
