"""The floor of every Python consumer: aiokafka reads the topic and does nothing with it."""

from __future__ import annotations

import asyncio
import signal

import uvloop
from aiokafka import AIOKafkaConsumer

from consumer.settings import load_settings
from schemas.topics import COMMANDS

IDLE_MS = 20


async def main() -> None:
    """Read until told to end; commit whenever there is nothing to read."""
    settings = load_settings()
    consumer = AIOKafkaConsumer(
        settings.topic_prefix + COMMANDS,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.group_id,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 << 20,
    )
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await consumer.start()
    uncommitted = 0
    while not ended.is_set():
        batches = await consumer.getmany(timeout_ms=IDLE_MS)
        uncommitted += sum(map(len, batches.values()))
        if uncommitted and not batches:
            await consumer.commit()
            uncommitted = 0
    await consumer.stop()


if __name__ == "__main__":
    uvloop.run(main())
