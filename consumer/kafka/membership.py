"""Membership of the consumer group: work starts and ends as the group assigns partitions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from consumer.errors import BrokerUnavailable, TopicsMissing
from consumer.kafka.connection import broker_error
from consumer.kafka.group_member import GroupMember, cancel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.client import AIOKafkaClient

log = structlog.get_logger()

CLOSE_SECONDS: Final = 5.0
"""Maximum time for a cancelled worker to close its connections, in seconds."""


class Work(Protocol):
    """The work on an assignment."""

    async def run(self) -> None:
        """Works until `stop`."""

    def stop(self) -> None:
        """Asks it to finish current batches and to release its partitions."""

    def reached(self) -> Mapping[int, int]:
        """How far each partition is published."""


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """One process as a member of the group.

    Args:
        consumer: not started, in its group; auto-commit off. It fetches nothing.
        make_client: makes an unconnected client.
        start_work: makes the worker of these partitions, given the partition count of the topic.
        drain_seconds: maximum time to finish current batches when partitions are revoked; less than the
            group's rebalance timeout.
        owned: called with the assigned partitions.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        make_client: Callable[[], AIOKafkaClient],
        topic: str,
        start_work: Callable[[Collection[int], int], Work],
        *,
        drain_seconds: float,
        owned: Callable[[Collection[int], int | None], None],
    ) -> None:
        self.member = GroupMember(consumer, make_client, topic, reached=self._reached)
        self._topic = topic
        self._start_work = start_work
        self._drain_seconds = drain_seconds
        self._owned = owned
        self._work: tuple[Work, asyncio.Task[None]] | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Joins the group and works until `stop`.

        Raises:
            BrokerUnavailable, BrokerDenied: the group cannot be joined.
            Exception: the work or the client failed; the process should end and be started again.
        """
        joining = asyncio.create_task(self.member.join(self), name="join")
        try:
            # The group answers only when its other members have finished their batches.
            await _first_of(joining, self._ended)
            if joining.done():
                self._watch(*joining.result())
            await self._ended
        finally:
            await cancel(joining)
            # aiokafka does not call the revoke listener when it stops.
            await self._drain()
            await self.member.leave()

    def _reached(self) -> Mapping[int, int]:
        return {} if self._work is None else self._work[0].reached()

    def stop(self) -> None:
        """Asks for an orderly end: current batches are finished, and the group is left."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by the consumer, which waits for it and only logs what it raises."""
        partitions = sorted(assigned)
        count = self.member.assigned(partitions)
        try:
            self._begin([partition.partition for partition in partitions], count)
        except Exception as error:  # noqa: BLE001 - partitions without a worker would wait forever
            self._fail(error)

    def _begin(self, numbers: Collection[int], count: int) -> None:
        if not count:
            error = TopicsMissing([self._topic])
            log.error("nothing to work on", error=str(error), hint=error.hint)
        if numbers:
            work = self._start_work(numbers, count)
            self._work = work, asyncio.create_task(work.run(), name="worker")
            self._watch(self._work[1])
        self._owned(numbers, count)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by the consumer, which waits for it before it joins the group again."""
        log.info("revoked", partitions=sorted(partition for _, partition in revoked))
        await self._drain()

    async def _drain(self) -> None:
        """Finishes current batches; cancels those that are not finished in time.

        To cancel them is safe: the next owner ends their transactions.
        """
        work, self._work = self._work, None
        if work is not None:
            work[0].stop()
            _, late = await asyncio.wait({work[1]}, timeout=self._drain_seconds)
            if late:
                log.warning("cut off while draining")
                work[1].cancel()
                await asyncio.wait(late, timeout=CLOSE_SECONDS)
        self._owned((), None)

    def _watch(self, *tasks: asyncio.Task[None]) -> None:
        for task in tasks:
            task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """A failed worker or client ends the process: nothing else would notice."""
        working = self._work is not None and task is self._work[1]
        if task.cancelled():
            if working:
                self._fail(BrokerUnavailable("the Kafka client has cancelled the work on the partitions"))
            return
        error = task.exception()
        if isinstance(error, KafkaError):
            self._fail(broker_error("the Kafka client has ended", error))
        elif error is not None:
            self._fail(error)
        elif working or task.get_name() != "worker":
            self._fail(BrokerUnavailable("the Kafka client stopped by itself"))

    def _fail(self, error: BaseException) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)


async def _first_of(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
