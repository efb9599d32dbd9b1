"""Membership of the consumer group: work starts and drains as the group decides."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from consumer.errors import BrokerUnavailable, TopicsMissing
from consumer.kafka.connection import broker_error, stop_consumer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from aiokafka import AIOKafkaConsumer

log = structlog.get_logger()

POLL_MS: Final = 1_000

CLOSE_SECONDS: Final = 5.0
"""How long a worker that was cut off may take to let go of its connections."""

COMMIT_SECONDS: Final = 5.0
"""How often the group's offsets are committed: for lag tools only, nothing here believes them."""


STEADY_SECONDS: Final = 15.0
"""How old an assignment must be before: an offset that is refused because the group has moved on makes the
client join again, and some heartbeats have confirmed an older assignment."""


class Work(Protocol):
    """What works on an assignment."""

    async def run(self) -> None:
        """Works until `stop`."""

    def stop(self) -> None:
        """Asks it to finish what is under way and let go of its partitions."""

    def reached(self) -> Mapping[int, int]:
        """How far each partition is published."""


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """One process's place in the group.

    Args:
        consumer: unstarted, in its group; auto-commit off. It fetches nothing.
        start_work: makes what works on these partitions, given how many the topic has.
        drain_seconds: how long that may finish what is under way when partitions are revoked; below the
            group's rebalance timeout, or the group goes on without us.
        owned: told of the partitions that are worked on.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        start_work: Callable[[Collection[int], int], Work],
        *,
        drain_seconds: float,
        owned: Callable[[Collection[int], int | None], None],
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._start_work = start_work
        self._drain_seconds = drain_seconds
        self._owned = owned
        self._work: tuple[Work, asyncio.Task[None]] | None = None
        self._assigned_at = 0.0
        self._polling: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def why_no_broker(self) -> str | None:
        """Asks the cluster for its metadata; None when it answers."""
        return None if await self._consumer._client.force_metadata_update() else "no broker answers"

    async def run(self) -> None:
        """Joins the group and works until `stop`.

        Raises:
            BrokerUnavailable, BrokerDenied: the group cannot be joined.
            Exception: the work or the client died; the process should end and be started again.
        """
        self._consumer.subscribe([self._topic], listener=self)
        try:
            try:
                await self._consumer.start()
            except KafkaError as error:
                raise broker_error("the group cannot be joined", error) from error
            self._polling = asyncio.create_task(self._poll(), name="group-poll")
            self._watch(self._polling)
            self._watch(self._consumer._fetcher._fetch_task, self._consumer._coordinator._coordination_task)
            await self._ended
        finally:
            await self._close()

    async def _poll(self) -> None:
        """Says to the group that we live, with partitions or none, whatever the work waits for.

        Who has not polled for `max_poll_interval` leaves the group, and aiokafka then never joins it again.
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
        """A failure is no matter: the next commit says more."""
        if self._work is None or monotonic() - self._assigned_at < STEADY_SECONDS:
            return
        reached = {TopicPartition(self._topic, n): to for n, to in self._work[0].reached().items()}
        ours = self._consumer.assignment()
        if offsets := {partition: to for partition, to in reached.items() if partition in ours}:
            with suppress(KafkaError):
                await self._consumer.commit(offsets)

    def stop(self) -> None:
        """Asks for an orderly end: what is under way is finished, the group is left."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by the consumer, which waits for it, and only logs what is raised here."""
        partitions = sorted(assigned)
        for partition in partitions:
            with suppress(IllegalStateError):  # taken away again; we are told so
                self._consumer.seek(partition, 0)  # or its fetcher would ask for the group's offset
                self._consumer.pause(partition)
        try:
            self._begin([partition.partition for partition in partitions])
        except Exception as error:  # noqa: BLE001 - partitions without a worker would wait forever
            self._fail(error)

    def _begin(self, numbers: Collection[int]) -> None:
        self._assigned_at = monotonic()
        count = len(self._consumer.partitions_for_topic(self._topic) or ())
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
        """What is under way is finished; what is not done in time is cut off.

        Being cut off is safe: whoever takes over next ends whatever was under way.
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

    async def _close(self) -> None:
        # aiokafka does not call the revoke listener when it stops.
        await self._drain()
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.wait({self._polling})
        await stop_consumer(self._consumer)

    def _watch(self, *tasks: asyncio.Task[None]) -> None:
        for task in tasks:
            task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """Dead work or a dead client takes the process with it: nothing else would notice."""
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
