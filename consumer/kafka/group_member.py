"""A member of the consumer group as the brokers see it: joins, remains a member, and leaves."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.protocol.group import LeaveGroupRequest

from consumer.kafka.cluster import close_client
from consumer.kafka.connection import LEAVE_SECONDS, broker_error, let_go, stop_consumer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
    from aiokafka.client import AIOKafkaClient

log = structlog.get_logger()

POLL_MS: Final = 1_000

COMMIT_SECONDS: Final = 5.0
"""Interval at which the group's offsets are committed: for lag tools only, the service never reads them."""

STEADY_SECONDS: Final = 15.0
"""How old an assignment must be before: an offset that is refused because the group has moved on makes the
client join again, and some heartbeats have confirmed an older assignment."""

AGAIN_SECONDS: Final = 0.1
"""Time between two requests to leave a group whose answer to a join has not come."""


class GroupMember:
    """One member of the group.

    Args:
        consumer: not started, in its group; auto-commit off. It fetches nothing.
        make_client: makes an unconnected client.
        reached: how far each assigned partition is published.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        make_client: Callable[[], AIOKafkaClient],
        topic: str,
        *,
        reached: Callable[[], Mapping[int, int]],
    ) -> None:
        self._consumer = consumer
        self._make_client = make_client
        self._topic = topic
        self._reached = reached
        self._assigned_at = 0.0
        self._polling: asyncio.Task[None] | None = None

    async def why_no_broker(self) -> str | None:
        """Asks the cluster for its metadata; returns None if it answers."""
        return None if await self._consumer._client.force_metadata_update() else "no broker answers"

    async def join(self, listener: ConsumerRebalanceListener) -> list[asyncio.Task[None]]:
        """Joins; returns the tasks that keep the membership up, which should not end.

        Raises:
            BrokerUnavailable, BrokerDenied: the group cannot be joined.
        """
        self._consumer.subscribe([self._topic], listener=listener)
        try:
            await self._consumer.start()
        except KafkaError as error:
            raise broker_error("the group cannot be joined", error) from error
        self._polling = asyncio.create_task(self._poll(), name="group-poll")
        consumer = self._consumer
        return [self._polling, consumer._fetcher._fetch_task, consumer._coordinator._coordination_task]

    def assigned(self, partitions: Iterable[TopicPartition]) -> int:
        """Keeps the consumer from fetching these partitions; returns how many the topic has."""
        self._assigned_at = monotonic()
        for partition in partitions:
            with suppress(IllegalStateError):  # revoked again; the consumer calls the listener
                self._consumer.seek(partition, 0)  # or its fetcher would ask for the group's offset
                self._consumer.pause(partition)
        return len(self._consumer.partitions_for_topic(self._topic) or ())

    async def _poll(self) -> None:
        """Polls, so that the group keeps this member, also without partitions or while the work waits.

        A member that does not poll within `max_poll_interval` is removed, and aiokafka then never joins
        again.
        """
        committed_at = monotonic()
        while True:
            try:
                await self._consumer.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                log.warning("the group answers with an error", error=repr(error))
                await asyncio.sleep(POLL_MS / 1000)
            if monotonic() - committed_at >= COMMIT_SECONDS:
                committed_at = monotonic()
                await self._commit()

    async def _commit(self) -> None:
        """A failed commit is ignored: the next one contains more."""
        if monotonic() - self._assigned_at < STEADY_SECONDS:
            return
        reached = {TopicPartition(self._topic, number): to for number, to in self._reached().items()}
        ours = self._consumer.assignment()
        if offsets := {partition: to for partition, to in reached.items() if partition in ours}:
            with suppress(KafkaError):
                await self._consumer.commit(offsets)

    async def leave(self) -> None:
        """Leaves the group and disconnects, also without a broker and while it is still joining."""
        if self._polling is not None:
            await cancel(self._polling)
        # Both at the same time: a client that is not a member any more joins again unless it is stopping.
        await asyncio.gather(stop_consumer(self._consumer), self._stop_joining())

    async def _stop_joining(self) -> None:
        """Leaves until the join has an answer; aiokafka leaves only what it has joined.

        The group would give partitions to a member that is gone, and nobody would work on them until its
        session times out. This needs a connection of its own: a broker reads nothing more from one on which
        it owes an answer. It is repeated because the request to join may be sent, or arrive, after it.
        """
        coordinator = self._consumer._coordinator
        subscription = self._consumer._subscription.subscription
        if coordinator is None or subscription is None or coordinator._group_instance_id is not None:
            return
        if not coordinator.need_rejoin(subscription):
            return
        client = self._make_client()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await client.bootstrap()
                node = await client.coordinator_lookup(CoordinationType.GROUP, coordinator.group_id)
                while not coordinator._coordination_task.done():
                    if member_id := coordinator.member_id:
                        await client.send(node, LeaveGroupRequest(coordinator.group_id, member_id))
                    await asyncio.sleep(AGAIN_SECONDS)
        except (KafkaError, TimeoutError) as error:
            log.warning("this member could not leave the group", error=repr(error))
        finally:
            await close_client(client)


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancels a task and waits for its end, whatever its result is."""
    task.cancel()
    await asyncio.wait({task})
    let_go({task})
