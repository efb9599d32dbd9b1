"""Reads the results of commands for the callers that wait for them."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final

from consumer.errors import ResultTimeout
from consumer.kafka.connection import SAFE_AGAIN, broker_error
from producers.waiters import Waiter, Waiters
from schemas.topics import output_partition

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.kafka.latest import LatestReader
    from producers.results import CommandKey

IDLE_SECONDS: Final = 5.0
"""How long a partition is still read after the last caller: the next caller then need not find its end."""


class ResultListener:
    """Reads the results topic while a caller waits for a result, and only the partitions concerned.

    The partition is read from its end before the command is published, so that the result cannot be missed.
    An idle listener reads nothing.

    Args:
        make_reader: makes an unstarted reader of the results.
    """

    def __init__(self, make_reader: Callable[[], LatestReader]) -> None:
        self._make_reader = make_reader
        self._reader: LatestReader | None = None
        self._failed = False
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._last_used: dict[int, float] = {}
        self._waiters = Waiters()

    async def expect(self, key: CommandKey, home: int) -> Waiter:
        """Call this first, then publish the command, await the waiter's result, and `forget` the waiter.

        Args:
            key: identifies the command.
            home: its partition of the command topic, which determines the partition of its result.

        Raises:
            BrokerUnavailable, TopicsMissing: the results cannot be read.
        """
        partition = await self._listen(home)
        waiter = Waiter(key, partition, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        return waiter

    def forget(self, waiter: Waiter) -> None:
        """Removes a waiter: its caller does not wait any more."""
        self._waiters.remove(waiter)
        if waiter.partition in self._last_used:
            self._last_used[waiter.partition] = monotonic()

    async def stop(self) -> None:
        """Stops reading, and fails the calls that still wait."""
        self._waiters.end(_not_waited_for)
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.wait({reading})
        reader, self._reader = self._reader, None
        self._last_used.clear()
        if reader is not None:
            await reader.stop()

    async def _listen(self, home: int) -> int:
        """The partition with the results of the commands in `home`. It is read from its current end."""
        async with self._starting:
            reader = await self._ready()
            partition = output_partition(home, reader.partitions)
            if partition not in self._last_used:
                await reader.open(partition)
            self._last_used[partition] = monotonic()
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read(reader), name="command-results")
            return partition

    async def _ready(self) -> LatestReader:
        """A reader that knows all partitions."""
        if self._reader is not None:
            if self._reader.is_current and not self._failed:
                return self._reader
            await self.stop()  # after a failure, or because partitions were added
        self._reader, self._failed = self._make_reader(), True
        await self._reader.start()
        self._failed = False
        return self._reader

    async def _read(self, reader: LatestReader) -> None:
        """Delivers results until no partition is needed any more."""
        try:
            while self._last_used:
                for record in await reader.read():
                    self._waiters.deliver(record)
                self._close_idle(reader)
        except Exception as error:  # noqa: BLE001 - the waiting calls must fail with any error
            self._fail(reader, error)

    def _close_idle(self, reader: LatestReader) -> None:
        idle_since = monotonic() - IDLE_SECONDS
        for partition, used in list(self._last_used.items()):
            if used < idle_since and not self._waiters.any_in(partition):
                reader.close(partition)
                del self._last_used[partition]

    def _fail(self, reader: LatestReader, error: Exception) -> None:
        """Fails all waiting calls. The next call starts a new reader at the end of the topic."""
        self._failed = True
        for partition in self._last_used:
            reader.close(partition)
        self._last_used.clear()
        self._waiters.end(lambda _: broker_error("the results cannot be read", error))


def _not_waited_for(waiter: Waiter) -> ResultTimeout:
    what = f"the result of command {waiter.key.command_id} is not waited for any more"
    return ResultTimeout(what, hint=SAFE_AGAIN)
