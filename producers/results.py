"""Waiting for what became of a command."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaConsumer

from consumer.errors import ResultTimeout
from consumer.pipeline.homes import HOMES
from producers.connection import kafka_errors, kafka_options
from schemas.topics import COMMAND_RESULTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from consumer.settings import Settings
    from producers.commands import NewCommand


class ResultListener:
    """Reads the results of one account's partition from the moment it was opened."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def result_of(self, command: NewCommand, *, within: float) -> dict[str, Any]:
        """The `command_result` of a command that was sent after this listener was opened.

        Raises:
            ResultTimeout: it has not come `within` so many seconds; the command stays in the log.
        """
        try:
            async with asyncio.timeout(within):
                async for record in self._consumer:
                    if (result := _result(record.value, command)) is not None:
                        return result
        except TimeoutError:
            pass
        raise ResultTimeout(f"no result of command {command.id} within {within:g} s")


def _result(value: bytes, command: NewCommand) -> dict[str, Any] | None:
    if command.id.encode() not in value:  # cheaper than parsing every result of the partition
        return None
    result: dict[str, Any] = orjson.loads(value)
    answered = result["command"]
    return result if (answered["id"], answered["source"]) == (command.id, command.source) else None


@asynccontextmanager
async def result_listener(settings: Settings, account_id: str) -> AsyncIterator[ResultListener]:
    """A listener that stands at the end of the account's results. Open it before sending.

    Raises:
        BrokerUnavailable, BrokerDenied: Kafka cannot be reached.
    """
    topic = settings.topic_prefix + COMMAND_RESULTS
    consumer = AIOKafkaConsumer(
        topic, **kafka_options(settings), isolation_level="read_committed", enable_auto_commit=False
    )
    try:
        with kafka_errors(settings.kafka_bootstrap_servers):
            await consumer.start()
            await _only_home(consumer, settings, account_id)
        yield ResultListener(consumer)
    finally:
        await consumer.stop()


async def _only_home(consumer: AIOKafkaConsumer, settings: Settings, account_id: str) -> None:
    """A command's outputs are in the output partition of the same number as its own."""
    partitions = sorted(consumer.assignment())
    home = partitions[HOMES[settings.partitioner](account_id.encode(), len(partitions))]
    consumer.pause(*(partition for partition in partitions if partition != home))
    await consumer.seek_to_end(home)
