"""The part of the composition root (consumer/bootstrap.py) that needs no MongoDB: publishing commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from consumer.kafka.connection import kafka_options
from producers.commands import CommandProducer
from producers.listener import ResultListener
from schemas.partitioning import HOMES
from schemas.topics import COMMAND_RESULTS, COMMANDS

if TYPE_CHECKING:
    from consumer.settings import Settings

BATCH_BYTES: Final = 128 * 1024
"""Maximum size of the batch that a producer collects for a partition while the previous request runs."""

RESULT_WAIT_MS: Final = 100
"""Maximum time of a fetch. A partition that is added meanwhile waits until the fetch returns."""


def make_command_producer(settings: Settings, *, source: str | None = None) -> CommandProducer:
    """An unconnected producer of commands: use it as a context manager.

    Args:
        settings: validated.
        source: `ce_source` of its commands; default: from the settings.
    """

    def make_producer() -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **kafka_options(settings),
            enable_idempotence=True,
            acks="all",
            compression_type=None if settings.compression == "none" else settings.compression,
            max_batch_size=BATCH_BYTES,
        )

    return CommandProducer(
        make_producer,
        make_result_listener(settings),
        topic=settings.topic_prefix + COMMANDS,
        source=source or settings.command_source,
        home_of=HOMES[settings.partitioner],
        address=settings.kafka_bootstrap_servers,
        send_seconds=settings.kafka_request_timeout_ms / 1000,
        result_seconds=settings.result_timeout_seconds,
        max_bytes=settings.max_command_bytes,
    )


def make_result_listener(settings: Settings) -> ResultListener:
    """A reader of results. It connects when a caller first waits for one."""

    def make_consumer() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **kafka_options(settings),
            group_id=None,
            auto_offset_reset="latest",
            isolation_level="read_committed",
            fetch_max_wait_ms=RESULT_WAIT_MS,
        )

    topic = settings.topic_prefix + COMMAND_RESULTS
    return ResultListener(make_consumer, topic, settings.kafka_bootstrap_servers)
