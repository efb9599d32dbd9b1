"""Publishes commands, with or without waiting for their results.

    async with make_command_producer(load_settings()) as commands:
        await commands.create("account-1", contract_type="basic")              # it is in the log
        result = await commands.awaiting().renew("account-1", term_months=6)    # it was applied, or not
        result.raise_if_rejected()

A command is sent to its account's home partition, whatever the default partitioner of the client is: order
and replay need one partition for each account. The producer is idempotent and waits for all replicas.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from producers.messages import CommandMessage, command_message
from producers.previews import PreviewedCommands
from producers.requests import AwaitedCommands
from producers.sending import Home, Sending, Sent
from producers.typed import TypedCommands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from types import TracebackType

    from consumer.kafka.sender import Sender
    from consumer.reading.preview import ContractPreview
    from producers.listener import ResultListener


class CommandProducer(TypedCommands[Sent]):
    """Publishes commands, inside any asyncio service: as a context manager, or with `start` and `stop`.

    `publish` and the typed methods return once the command is in the log; its result is published later.
    `awaiting()` has the same methods, which wait for the result and return it.

    Args:
        make_sender: makes an unstarted sender to the topic of the commands.
        listener: waits for results.
        source: `ce_source` of the commands.
        home_of: the home partition of a key, given the number of partitions.
        result_seconds: how long the result of a command may take after it was published.
        max_bytes: larger commands are refused.
    """

    def __init__(
        self,
        make_sender: Callable[[], Sender],
        listener: ResultListener,
        *,
        source: str,
        home_of: Callable[[bytes, int], int],
        result_seconds: float,
        max_bytes: int,
    ) -> None:
        self._sending = Sending(make_sender, home_of)
        self._listener = listener
        self._source = source
        self._result_seconds = result_seconds
        self._max_bytes = max_bytes

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
            BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses access.
            TopicsMissing: the command topic does not exist, or this user may not see it.
        """
        await self._sending.start()

    async def stop(self) -> None:
        """Sends buffered commands, and disconnects. Nothing runs in the background afterwards.

        Calls that still wait for a result raise ResultTimeout; those that wait for an acknowledgement raise
        BrokerUnavailable.
        """
        await self._listener.stop()
        await self._sending.stop()

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
            InputRefused: the data does not fit the schema; nothing was sent.
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
        """The same methods, each returning a preview of its command at a time; None: now. Sends nothing.

        Needs no connection to Kafka. `contracts`: from `consumer.clients.contract_preview`.
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
            InputRefused: the data does not fit the schema; nothing was sent.
            BrokerUnavailable: the command may or may not be stored; it is safe to send it again with the
                same id.
            BrokerDenied: the right to write commands is missing.
        """
        message = self.message(name, account_id, data, command_id=command_id, correlation_id=correlation_id)
        return await self.sent(message)

    async def publish_all(self, messages: Iterable[CommandMessage]) -> list[Sent]:
        """Publishes many commands, those of one account in their order. Returns when all are in the log.

        Raises:
            BrokerUnavailable, BrokerDenied: some may not be stored; it is safe to send all again.
        """
        acknowledged = [await self.send(message) for message in messages]
        return await asyncio.gather(*acknowledged)

    async def sent(self, message: CommandMessage) -> Sent:
        """Sends a message and waits until all replicas have it."""
        return await (await self.send(message))

    async def send(self, message: CommandMessage) -> asyncio.Task[Sent]:
        """Passes a message to the Kafka client. Waits only while the client's buffer is full.

        The task ends when all replicas have the message; nobody needs to await it.
        """
        return await self._sending.send(message)

    async def home(self, message: CommandMessage) -> Home:
        """The home partition of a message's account.

        Raises:
            BrokerUnavailable, BrokerDenied: the number of partitions is not known.
        """
        return await self._sending.home(message)

    def awaiting(self, timeout: float | None = None) -> AwaitedCommands:
        """The same methods, each waiting up to `timeout` seconds for the result and returning it."""
        return AwaitedCommands(self, self._listener, timeout or self._result_seconds)
