"""Sends records to one topic, each acknowledged by all replicas, over aiokafka's producer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from consumer.errors import BrokerUnavailable
from consumer.kafka.connection import (
    SAFE_AGAIN,
    broker_error,
    kafka_errors,
    kafka_options,
    let_go,
    listed_partitions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.settings import Settings

BATCH_BYTES: Final = 128 * 1024
"""Maximum size of the batch that is collected for a partition while the previous request runs."""

STOP_SECONDS: Final = 10.0
"""Maximum time for which a stopped producer sends what it has buffered."""


class Outgoing(NamedTuple):
    """A record to send. `what` it is, in words for an error's text."""

    what: str
    partition: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class Sender:
    """Sends to one topic. It is started once; after it is stopped, a new one is needed.

    Args:
        producer: not started yet; idempotent, with acks=all.
        topic: with its prefix.
        address: of the broker, for error messages.
        seconds: how long sending a record, and its acknowledgement, may take.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str, *, address: str, seconds: float) -> None:
        self._producer = producer
        self._topic = topic
        self._address = address
        self._seconds = seconds

    async def start(self) -> None:
        """Connects.

        Raises:
            BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses access.
            TopicsMissing: the topic does not exist, or this user may not see it.
        """
        try:
            with kafka_errors(self._address):
                await self._producer.start()
                await listed_partitions(self._producer.client, self._topic)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Sends what is still buffered, and disconnects.

        Without a broker, aiokafka's stop() may never return. Then the buffered records are dropped, so that
        no task searches for the broker forever.
        """
        ending = {asyncio.create_task(self._producer.stop())}
        _, late = await asyncio.wait(ending, timeout=STOP_SECONDS)
        if late:
            self._producer._message_accumulator.fail_all(KafkaTimeoutError())
            ending.add(asyncio.create_task(self._producer.client.close()))
            await asyncio.wait(ending, timeout=STOP_SECONDS)
        let_go(ending)

    async def partitions(self) -> int:
        """How many partitions the topic has.

        Raises:
            BrokerUnavailable, BrokerDenied: it is not known.
        """
        try:
            return len(await self._producer.partitions_for(self._topic))
        except (KafkaError, OSError) as error:
            raise broker_error(f"the partitions of {self._topic} are not known", error) from error

    async def send(self, record: Outgoing) -> asyncio.Future[Any]:
        """Buffers a record, for `acknowledged`. Waits only while the buffer is full.

        Raises:
            BrokerUnavailable, BrokerDenied: it was not sent.
        """
        what, partition, key, value, headers = record
        try:
            async with asyncio.timeout(self._seconds):
                waiting: asyncio.Future[Any] = await self._producer.send(
                    self._topic, value, key, partition, headers=list(headers)
                )
        except (KafkaError, TimeoutError, OSError) as error:
            raise broker_error(f"{what} could not be sent", error) from error
        return waiting

    async def acknowledged(self, what: str, waiting: asyncio.Future[Any]) -> Any:
        """Waits until all replicas have a record; returns its topic, partition, offset and timestamp.

        Raises:
            BrokerUnavailable, BrokerDenied: it may or may not be stored.
        """
        # aiokafka retries an idempotent record without limit: without a deadline this could take forever.
        try:
            async with asyncio.timeout(self._seconds):
                return await waiting
        except TimeoutError as error:
            text = f"Kafka at {self._address} has not acknowledged {what} within {self._seconds:g} s"
            raise BrokerUnavailable(text, hint=SAFE_AGAIN) from error
        except (KafkaError, OSError) as error:
            raise broker_error(f"{what} was not stored", error) from error


def make_sender(settings: Settings, topic: str) -> Sender:
    """An unstarted sender to this topic."""
    producer = AIOKafkaProducer(
        **kafka_options(settings),
        enable_idempotence=True,
        acks="all",
        compression_type=None if settings.compression == "none" else settings.compression,
        max_batch_size=BATCH_BYTES,
    )
    return Sender(
        producer,
        topic,
        address=settings.kafka_bootstrap_servers,
        seconds=settings.kafka_request_timeout_ms / 1000,
    )
