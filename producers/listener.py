"""Reads the results of commands for the callers that wait for them."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from consumer.errors import BrokerUnavailable, ResultTimeout, TopicsMissing
from consumer.kafka.connection import SAFE_AGAIN, broker_error, kafka_errors, partitions_of, stop_consumer
from producers.waiters import Waiter, Waiters
from schemas.topics import output_partition

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import AIOKafkaConsumer

    from producers.results import CommandKey

IDLE_SECONDS: Final = 5.0
"""How long a partition is still read after the last caller: the next caller then need not find its end."""

_POLL_MS: Final = 500


class ResultListener:
    """Reads the results topic while a caller waits for a result, and only the partitions concerned.

    Nothing is stored. A consumer without a group moves to the end of the partition before the command is
    published, so that the result cannot be missed. An idle listener reads nothing.

    Args:
        make_consumer: makes an unstarted consumer without a group, reading committed records.
        topic: of the results, with its prefix.
        address: of the broker, for error messages.
    """

    def __init__(self, make_consumer: Callable[[], AIOKafkaConsumer], topic: str, address: str) -> None:
        self._make_consumer = make_consumer
        self._topic = topic
        self._address = address
        self._consumer: AIOKafkaConsumer | None = None
        self._reader: asyncio.Task[None] | None = None
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
        """Stops the consumer, and fails the calls that still wait."""
        self._waiters.end(_not_waited_for)
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.wait({reader})
        consumer, self._consumer = self._consumer, None
        self._last_used.clear()
        if consumer is not None:
            await stop_consumer(consumer)

    async def _listen(self, home: int) -> int:
        """The partition with the results of the commands in `home`. It is read from its current end."""
        async with self._starting:
            with kafka_errors(self._address):
                consumer, partitions = await self._ready()
            partition = output_partition(home, partitions)
            if partition not in self._last_used:
                await self._open(consumer, partition)
            self._last_used[partition] = monotonic()
            if self._reader is None or self._reader.done():
                self._reader = asyncio.create_task(self._read(), name="command-results")
            return partition

    async def _ready(self) -> tuple[AIOKafkaConsumer, int]:
        """A consumer that knows all partitions, and their number."""
        if self._consumer is not None:
            assigned = self._consumer.assignment()
            known = self._consumer.partitions_for_topic(self._topic) or assigned
            if assigned and len(known) == len(assigned):
                return self._consumer, len(assigned)
            await self.stop()  # after a failure, or because partitions were added
        self._consumer = consumer = self._make_consumer()
        await consumer.start()
        targets = [TopicPartition(self._topic, n) for n in await partitions_of(consumer, self._topic)]
        if not targets:
            raise TopicsMissing([self._topic])
        consumer.assign(targets)
        consumer.pause(*targets)
        return consumer, len(targets)

    async def _open(self, consumer: AIOKafkaConsumer, partition: int) -> None:
        """Starts to read a partition at its end."""
        target = TopicPartition(self._topic, partition)
        with kafka_errors(self._address):
            found = await consumer.seek_to_end(target)
        if not found:
            raise BrokerUnavailable(f"Kafka at {self._address} does not report the end of {target}")
        consumer.resume(target)

    async def _read(self) -> None:
        """Delivers results until no partition is needed any more."""
        try:
            while self._last_used and self._consumer is not None:
                batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
                for records in batches.values():
                    for record in records:
                        self._waiters.deliver(record)
                self._close_idle(self._consumer)
        except Exception as error:  # noqa: BLE001 - the waiting calls must fail with any error
            self._fail(error)

    def _close_idle(self, consumer: AIOKafkaConsumer) -> None:
        idle_since = monotonic() - IDLE_SECONDS
        for partition, used in list(self._last_used.items()):
            if used < idle_since and not self._waiters.any_in(partition):
                consumer.pause(TopicPartition(self._topic, partition))
                del self._last_used[partition]

    def _fail(self, error: Exception) -> None:
        """Fails all waiting calls. The next call starts a new consumer at the end of the topic."""
        self._last_used.clear()
        if self._consumer is not None:
            self._consumer.unsubscribe()
        self._waiters.end(lambda _: broker_error("the results cannot be read", error))


def _not_waited_for(waiter: Waiter) -> ResultTimeout:
    what = f"the result of command {waiter.key.command_id} is not waited for any more"
    return ResultTimeout(what, hint=SAFE_AGAIN)
