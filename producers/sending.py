"""Writes commands to the log: each to its account's home partition, acknowledged by all replicas."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.kafka.sender import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.kafka.sender import Sender
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

    def __init__(self, make_sender: Callable[[], Sender], home_of: Callable[[bytes, int], int]) -> None:
        self._make_sender = make_sender
        self._home_of = home_of
        self._sender: Sender | None = None

    async def start(self) -> None:
        """Connects.

        Raises:
            BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses access.
            TopicsMissing: the command topic does not exist, or this user may not see it.
        """
        sender = self._make_sender()
        await sender.start()
        self._sender = sender

    async def stop(self) -> None:
        """Sends buffered commands, and disconnects."""
        sender, self._sender = self._sender, None
        if sender is not None:
            await sender.stop()

    async def send(self, message: CommandMessage) -> asyncio.Task[Sent]:
        """Passes a message to the Kafka client. Waits only while the client's buffer is full.

        The task ends when all replicas have the message; nobody needs to await it.
        """
        sender = self._started()
        home = await self.home(message)
        what = f"command {message.command_id}"
        waiting = await sender.send(
            Outgoing(what, home.partition, message.key, message.value, message.headers)
        )
        acknowledged = _acknowledged(sender, what, waiting, message)
        task = asyncio.create_task(acknowledged, name="command-acknowledged")
        task.add_done_callback(_seen)
        return task

    async def home(self, message: CommandMessage) -> Home:
        """The home partition of a message's account.

        Raises:
            BrokerUnavailable, BrokerDenied: the number of partitions is not known.
        """
        partitions = await self._started().partitions()
        return Home(self._home_of(message.key, partitions), partitions)

    def _started(self) -> Sender:
        if self._sender is None:
            raise RuntimeError("start the CommandProducer first: async with make_command_producer(settings)")
        return self._sender


async def _acknowledged(
    sender: Sender, what: str, waiting: asyncio.Future[Any], message: CommandMessage
) -> Sent:
    stored = await sender.acknowledged(what, waiting)
    stored_at = (stored.topic, stored.partition, stored.offset, stored.timestamp)
    return Sent(message.command_id, message.account_id, *stored_at)


def _seen(task: asyncio.Task[Sent]) -> None:
    """Marks the task's failure as seen, so that asyncio does not report it if nobody awaits the task."""
    if not task.cancelled():
        task.exception()
