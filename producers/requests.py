"""Publishes a command and waits for its result."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from consumer.errors import ResultTimeout
from producers.results import CommandKey, CommandResult
from producers.typed import TypedCommands

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from producers.commands import CommandProducer
    from producers.listener import ResultListener
    from producers.messages import CommandMessage
    from producers.sending import Sent
    from producers.waiters import Waiter


class AwaitedCommands(TypedCommands[CommandResult]):
    """Returned by `awaiting` of a CommandProducer. Its methods wait for results; many may wait at once."""

    def __init__(self, producer: CommandProducer, listener: ResultListener, seconds: float) -> None:
        self._producer = producer
        self._listener = listener
        self._seconds = seconds

    async def publish(
        self,
        name: str,
        account_id: str,
        data: Mapping[str, Any],
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
    ) -> CommandResult:
        """Publishes a command and returns its result. A rejection is a result, not an exception.

        Raises:
            ResultTimeout: the command is in the log, but its result did not arrive in time, or before `stop`.
            InputRefused, BrokerUnavailable, BrokerDenied: as of `CommandProducer.publish`.
            TopicsMissing: the topic for results does not exist.
        """
        message = self._producer.message(
            name, account_id, data, command_id=command_id, correlation_id=correlation_id
        )
        return await self.result(message)

    async def result(self, message: CommandMessage) -> CommandResult:
        """Sends a message and returns its result. Raises the same errors as `publish`."""
        return (await self.exchange(message))[1]

    async def exchange(
        self, message: CommandMessage, *, on_sent: Callable[[Sent], None] = lambda _: None
    ) -> tuple[Sent, CommandResult]:
        """Sends a message and returns its place in the log and its result.

        `on_sent` is called with the first of the two as soon as it is known.
        """
        return await (await self.submit(message, on_sent=on_sent))

    async def submit(
        self, message: CommandMessage, *, on_sent: Callable[[Sent], None] = lambda _: None
    ) -> asyncio.Task[tuple[Sent, CommandResult]]:
        """Sends a message after those submitted before. The task ends with the return value of `exchange`."""
        home = await self._producer.home(message)
        key = CommandKey(message.account_id, message.source, message.command_id)
        waiter = await self._listener.expect(key, home.partition)
        try:
            sending = await self._producer.send(message)
        except BaseException:
            self._listener.forget(waiter)
            raise
        task = asyncio.create_task(self._answered(message, sending, waiter, on_sent), name="command-result")
        task.add_done_callback(lambda _: self._listener.forget(waiter))
        return task

    async def _answered(
        self,
        message: CommandMessage,
        sending: asyncio.Task[Sent],
        waiter: Waiter,
        on_sent: Callable[[Sent], None],
    ) -> tuple[Sent, CommandResult]:
        sent = await asyncio.shield(sending)
        on_sent(sent)
        try:
            async with asyncio.timeout(self._seconds):
                return sent, await waiter.result
        except TimeoutError as error:
            what = f"no result of command {message.command_id} within {self._seconds:g} s"
            raise ResultTimeout(what) from error
