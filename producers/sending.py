"""Writes commands to the log: each to its account's home partition, acknowledged by all replicas."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.errors import KafkaError

from consumer.errors import BrokerUnavailable, TopicsMissing
from consumer.kafka.connection import SAFE_AGAIN, broker_error, kafka_errors, stop_producer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import AIOKafkaProducer

    from producers.messages import CommandMessage


@dataclass(frozen=True, slots=True)
class Sent:
    """A command that all replicas have. `timestamp`: in ms since 1970; it is the command's `now`."""

    command_id: str
    account_id: str
    topic: str
    partition: int
    offset: int
    timestamp: int


class Home(NamedTuple):
    """The home partition of an account, given the number of partitions."""

    partition: int
    partitions: int


class Sending:
    """Sends commands. See `CommandProducer` for the arguments."""

    def __init__(
        self,
        make_producer: Callable[[], AIOKafkaProducer],
        *,
        topic: str,
        home_of: Callable[[bytes, int], int],
        address: str,
        send_seconds: float,
    ) -> None:
        self._make_producer = make_producer
        self._topic = topic
        self._home_of = home_of
        self._address = address
        self._send_seconds = send_seconds
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connects.

        Raises:
            BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses access.
            TopicsMissing: the command topic does not exist, or this user may not see it.
        """
        producer = self._make_producer()
        try:
            with kafka_errors(self._address):
                await producer.start()
                await self._look_for_topic(producer)
        except BaseException:
            await stop_producer(producer)
            raise
        self._producer = producer

    async def _look_for_topic(self, producer: AIOKafkaProducer) -> None:
        """Looks in the list of all topics: asking for one by name could create it, with wrong settings."""
        listed = await producer.client.fetch_all_metadata()
        if self._topic not in listed.topics():
            raise TopicsMissing([self._topic])

    async def stop(self) -> None:
        """Sends buffered commands, and disconnects."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)

    async def send(self, message: CommandMessage) -> asyncio.Task[Sent]:
        """Passes a message to the Kafka client. Waits only while the client's buffer is full.

        The task ends when all replicas have the message; nobody needs to await it.
        """
        producer = self._started()
        try:
            async with asyncio.timeout(self._send_seconds):
                home = await self.home(message)
                waiting = await producer.send(
                    self._topic, message.value, message.key, home.partition, headers=list(message.headers)
                )
        except (KafkaError, TimeoutError, OSError) as error:
            raise broker_error(f"command {message.command_id} could not be sent", error) from error
        task = asyncio.create_task(self._acknowledged(message, waiting), name="command-acknowledged")
        task.add_done_callback(_seen)
        return task

    async def home(self, message: CommandMessage) -> Home:
        """The home partition of a message's account.

        Raises:
            BrokerUnavailable, BrokerDenied: the number of partitions is not known.
        """
        try:
            partitions = len(await self._started().partitions_for(self._topic))
        except (KafkaError, OSError) as error:
            raise broker_error(f"the partitions of {self._topic} are not known", error) from error
        return Home(self._home_of(message.key, partitions), partitions)

    async def _acknowledged(self, message: CommandMessage, waiting: asyncio.Future[Any]) -> Sent:
        # aiokafka retries an idempotent record without limit: without a deadline this could take forever.
        try:
            async with asyncio.timeout(self._send_seconds):
                stored = await waiting
        except TimeoutError as error:
            what = f"Kafka at {self._address} has not acknowledged command {message.command_id}"
            raise BrokerUnavailable(f"{what} within {self._send_seconds:g} s", hint=SAFE_AGAIN) from error
        except (KafkaError, OSError) as error:
            raise broker_error(f"command {message.command_id} was not stored", error) from error
        place = (stored.topic, stored.partition, stored.offset, stored.timestamp)
        return Sent(message.command_id, message.account_id, *place)

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("start the CommandProducer first: async with make_command_producer(settings)")
        return self._producer


def _seen(task: asyncio.Task[Sent]) -> None:
    """Marks the task's failure as seen, so that asyncio does not report it if nobody awaits the task."""
    if not task.cancelled():
        task.exception()
