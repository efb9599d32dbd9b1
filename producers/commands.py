"""Publishing commands: with or without waiting for what becomes of them.

    async with make_command_producer(load_settings()) as commands:
        await commands.create("account-1", contract_type="basic")              # it is in the log
        result = await commands.awaiting().renew("account-1", term_months=6)    # it was applied, or not
        result.raise_if_rejected()

A command goes to its account's home partition, whatever the client's own partitioner would do: order
and replay need one partition for each account. The producer is idempotent and waits for all replicas.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiokafka.errors import KafkaError

from consumer.errors import BrokerUnavailable, TopicsMissing
from consumer.kafka.connection import SAFE_AGAIN, broker_error, kafka_errors, stop_producer
from producers.messages import CommandMessage, command_message
from producers.previews import PreviewedCommands
from producers.requests import AwaitedCommands
from producers.typed import TypedCommands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from types import TracebackType

    from aiokafka import AIOKafkaProducer

    from consumer.reading.preview import ContractPreview
    from producers.results import ResultListener


@dataclass(frozen=True, slots=True)
class Sent:
    """A command that all replicas of the log have; `timestamp`, in ms since 1970, is its `now`."""

    command_id: str
    account_id: str
    topic: str
    partition: int
    offset: int
    timestamp: int


class Home(NamedTuple):
    """The one partition of an account's commands and results, among so many."""

    partition: int
    partitions: int


class CommandProducer(TypedCommands[Sent]):
    """Publishes commands; works inside any asyncio service, as a context manager or by `start` and `stop`.

    `publish` and the typed methods return once the command is in the log: what becomes of it is told
    on the results topic. `awaiting()` has the same methods, returning the result.

    Args:
        make_producer: makes an unstarted idempotent producer with acks=all.
        listener: of the results.
        topic: of the commands, with its prefix.
        source: `ce_source` of the commands.
        home_of: the home partition of a key among so many.
        address: of the broker, for messages.
        send_seconds: how long a command may take into the log.
        result_seconds: how long its result may take from then on.
        max_bytes: larger commands are refused.
    """

    def __init__(
        self,
        make_producer: Callable[[], AIOKafkaProducer],
        listener: ResultListener,
        *,
        topic: str,
        source: str,
        home_of: Callable[[bytes, int], int],
        address: str,
        send_seconds: float,
        result_seconds: float,
        max_bytes: int,
    ) -> None:
        self._make_producer = make_producer
        self._listener = listener
        self._topic = topic
        self._source = source
        self._home_of = home_of
        self._address = address
        self._send_seconds = send_seconds
        self._result_seconds = result_seconds
        self._max_bytes = max_bytes
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connects.

        Raises:
            BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses us.
            TopicsMissing: there is no topic for the commands, or it is hidden from this user.
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
        """Among all topics: to ask for one by name may create it, with wrong settings."""
        listed = await producer.client.fetch_all_metadata()
        if self._topic not in listed.topics():
            raise TopicsMissing([self._topic])

    async def stop(self) -> None:
        """Sends what is still buffered, and disconnects; nothing goes on in the background.

        Whoever still waits for a result gets a ResultTimeout, for an acknowledgement that does not come a
        BrokerUnavailable.
        """
        await self._listener.stop()
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)

    def message(
        self,
        name: str,
        account_id: str,
        data: Mapping[str, Any],
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
    ) -> CommandMessage:
        """A checked command of this source, for `send` and `publish_all`.

        Raises:
            InputRefused: it does not fit its schema; nothing was sent.
        """
        return command_message(
            name,
            account_id,
            data,
            source=self._source,
            command_id=command_id,
            correlation_id=correlation_id,
            max_bytes=self._max_bytes,
        )

    def previewing(self, contracts: ContractPreview, at: datetime | None = None) -> PreviewedCommands:
        """The same methods, telling what each command would do at a moment; None: now. Nothing is sent.

        No connection is needed. `contracts` is what `consumer.clients.contract_preview` opens.
        """
        return PreviewedCommands(self, contracts, at)

    async def publish(
        self,
        name: str,
        account_id: str,
        data: Mapping[str, Any],
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
    ) -> Sent:
        """Publishes any command by its name; returns when all replicas have it.

        Raises:
            InputRefused: it does not fit its schema; nothing was sent.
            BrokerUnavailable: it may or may not be stored; sending it again under the same id is safe.
            BrokerDenied: the right to write commands is missing.
        """
        message = self.message(name, account_id, data, command_id=command_id, correlation_id=correlation_id)
        return await self.sent(message)

    async def publish_all(self, messages: Iterable[CommandMessage]) -> list[Sent]:
        """Publishes many at once, those of one account in their order; returns when all are in the log.

        Raises:
            BrokerUnavailable, BrokerDenied: some may not be stored; sending all again is safe.
        """
        acknowledged = [await self.send(message) for message in messages]
        return await asyncio.gather(*acknowledged)

    async def sent(self, message: CommandMessage) -> Sent:
        """Sends a message and waits until all replicas have it."""
        return await (await self.send(message))

    async def send(self, message: CommandMessage) -> asyncio.Task[Sent]:
        """Hands a message to the client, which waits only while its buffer is full.

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
        """Where a message's account is at home.

        Raises:
            BrokerUnavailable, BrokerDenied: nobody says how many partitions there are.
        """
        try:
            partitions = len(await self._started().partitions_for(self._topic))
        except (KafkaError, OSError) as error:
            raise broker_error(f"the partitions of {self._topic} are not known", error) from error
        return Home(self._home_of(message.key, partitions), partitions)

    def awaiting(self, timeout: float | None = None) -> AwaitedCommands:
        """The same methods, each returning what became of its command; `timeout` seconds for that."""
        return AwaitedCommands(self, self._listener, timeout or self._result_seconds)

    async def _acknowledged(self, message: CommandMessage, waiting: asyncio.Future[Any]) -> Sent:
        # aiokafka never gives an idempotent record up: without a deadline this could take forever.
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
    """A failure that nobody waits for is not an unhandled one."""
    if not task.cancelled():
        task.exception()
