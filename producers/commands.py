"""Publishing commands: an idempotent producer that puts each command into its account's home partition."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from consumer.errors import BrokerUnavailable, InputRefused
from consumer.pipeline.homes import HOMES
from producers.connection import kafka_errors, kafka_options
from schemas.cloudevents import CONTENT_TYPE, HEADER_PREFIX, JSON_MEDIA_TYPE, SPEC_VERSION
from schemas.commands import COMMANDS as COMMAND_SPECS
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from consumer.settings import Settings

ACKNOWLEDGE_SECONDS: Final = 30.0
"""aiokafka never gives up sending for an idempotent producer; its caller must be told at last."""


@dataclass(frozen=True, slots=True)
class NewCommand:
    """A command to publish. `value` is its data as JSON text.

    The same (account_id, source, id) again is a duplicate and changes nothing, so a retry is safe.
    """

    name: str
    account_id: str
    value: bytes
    source: str
    id: str = field(default_factory=lambda: str(uuid4()))
    extensions: tuple[tuple[str, str], ...] = ()

    def headers(self) -> list[tuple[str, bytes]]:
        """CloudEvents in binary mode."""
        attributes = {
            "specversion": SPEC_VERSION,
            "id": self.id,
            "source": self.source,
            "type": COMMAND_SPECS[self.name].type,
            "subject": self.account_id,
            **dict(self.extensions),
        }
        named = [(HEADER_PREFIX + name, text.encode()) for name, text in attributes.items()]
        return [*named, (CONTENT_TYPE, JSON_MEDIA_TYPE.encode())]


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a command lies in the log; `timestamp` in milliseconds since 1970 is its `now`."""

    topic: str
    partition: int
    offset: int
    timestamp: int


class CommandProducer:
    """Sends commands over a started aiokafka producer."""

    def __init__(self, producer: AIOKafkaProducer, *, topic: str, bootstrap_servers: str) -> None:
        self._producer = producer
        self._topic = topic
        self._bootstrap_servers = bootstrap_servers

    async def send(self, command: NewCommand) -> Sent:
        """Send and wait until all in-sync replicas have it.

        Raises:
            BrokerUnavailable: no acknowledgement in time; it may be in the log, so send it again as it is.
            BrokerDenied: the right to write is missing.
            InputRefused: larger than the topic or the client takes.
        """
        with kafka_errors(self._bootstrap_servers):
            try:
                async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
                    done = await self._producer.send_and_wait(
                        self._topic,
                        key=command.account_id.encode(),
                        value=command.value,
                        headers=command.headers(),
                    )
            except MessageSizeTooLargeError as error:
                raise InputRefused(
                    f"the command has {len(command.value)} bytes: too large for the topic"
                ) from error
            except TimeoutError:
                raise BrokerUnavailable(
                    f"Kafka has not acknowledged command {command.id} within {ACKNOWLEDGE_SECONDS:g} s",
                    hint="it may be in the log; sending it again under the same id is safe",
                ) from None
        return Sent(done.topic, done.partition, done.offset, done.timestamp)


@asynccontextmanager
async def command_producer(settings: Settings) -> AsyncIterator[CommandProducer]:
    """A connected CommandProducer with the settings' partitioner.

    Raises:
        BrokerUnavailable, BrokerDenied: Kafka cannot be reached.
    """
    producer = AIOKafkaProducer(
        **kafka_options(settings),
        acks="all",
        enable_idempotence=True,
        compression_type=None if settings.compression == "none" else settings.compression,
        partitioner=_partitioner(settings),
    )
    try:
        with kafka_errors(settings.kafka_bootstrap_servers):
            await producer.start()
        yield CommandProducer(
            producer,
            topic=settings.topic_prefix + COMMANDS,
            bootstrap_servers=settings.kafka_bootstrap_servers,
        )
    finally:
        await producer.stop()


def _partitioner(settings: Settings) -> Callable[[bytes, Sequence[int], Sequence[int]], int]:
    """The home among *all* partitions: one that is away for a moment must not send a key elsewhere."""
    home_of = HOMES[settings.partitioner]
    return lambda key, every, _available: every[home_of(key, len(every))]
