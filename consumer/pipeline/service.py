"""Group membership: one loop for each assigned partition, started and drained as the group decides."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from consumer.errors import BrokerUnavailable
from producers.connection import broker_error, stop_consumer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiokafka import AIOKafkaConsumer, TopicPartition

    from consumer.health import Health
    from consumer.metrics import Metrics
    from consumer.pipeline.partition import PartitionLoop

log = structlog.get_logger()

POLL_MS: Final = 1_000

CLOSE_SECONDS: Final = 5.0
"""How long a loop that was cut off may take to let go of its connections."""


STUCK_SECONDS: Final = 300.0
"""A loop that has not turned for so long is stuck: every single step of it has a shorter deadline."""


def loop_name(partition: int) -> str:
    """Under which name the loop of a partition reports to the health checks."""
    return f"partition-{partition}"


class Service(ConsumerRebalanceListener):  # type: ignore[misc]
    """Runs the loops of the partitions that this process owns.

    Args:
        consumer: unstarted, in its group; auto-commit off.
        make_loop: makes the loop of a partition of `topic`.
        drain_seconds: how long loops may finish what is under way when partitions are revoked;
            below the group's rebalance timeout, or the group goes on without us.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        make_loop: Callable[[int], PartitionLoop],
        *,
        drain_seconds: float,
        metrics: Metrics,
        health: Health,
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._make_loop = make_loop
        self._drain_seconds = drain_seconds
        self._metrics = metrics
        self._health = health
        self._loops: dict[int, tuple[PartitionLoop, asyncio.Task[None]]] = {}
        self._assigned = False
        self._polling: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def why_no_broker(self) -> str | None:
        """Asks the cluster for its metadata; None when it answers."""
        return None if await self._consumer._client.force_metadata_update() else "no broker answers"

    def why_idle(self) -> str | None:
        """The partitions that stand still, and why; None when all work."""
        if not self._assigned:
            return "no partitions are assigned yet"
        idle = {partition: loop.why_idle() for partition, (loop, _) in self._loops.items()}
        return "; ".join(f"{partition}: {error}" for partition, error in idle.items() if error) or None

    def why_late(self, most_records: int | None, most_seconds: float | None) -> str | None:
        """The partitions in which more waits than allowed; None when there are none."""
        late = [
            f"{partition}: {loop.lag.records} commands, the oldest {loop.lag.seconds:.0f} s"
            for partition, (loop, _) in self._loops.items()
            if (most_records is not None and loop.lag.records > most_records)
            or (most_seconds is not None and loop.lag.seconds > most_seconds)
        ]
        return "; ".join(late) or None

    async def run(self) -> None:
        """Joins the group and works until `stop`.

        Raises:
            BrokerUnavailable, BrokerDenied: the group cannot be joined.
            Exception: a loop or the client died; the process should end and be started again.
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
        """Says to the group that we live, with partitions or none, whatever their loops wait for.

        Who has not polled for `max_poll_interval` leaves the group, and aiokafka then never joins it again.
        There is nothing to fetch: each partition has a connection of its own for that.
        """
        while True:
            try:
                await self._consumer.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                log.warning("the group answers with an error", error=repr(error))
                await asyncio.sleep(POLL_MS / 1000)

    def stop(self) -> None:
        """Asks the service to finish what is under way and leave the group."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by the consumer, which waits for it, and only logs what is raised here."""
        try:
            for _, partition in assigned:
                self._start(partition)
        except Exception as error:  # noqa: BLE001 - a partition without a loop would wait for ever
            self._fail(error)
        self._assigned = True
        self._metrics.partitions.owned(self._loops)
        self._metrics.partitions.input_partitions(len(self._consumer.partitions_for_topic(self._topic) or ()))

    def _start(self, partition: int) -> None:
        loop = self._make_loop(partition)
        task = asyncio.create_task(loop.run(), name=loop_name(partition))
        self._loops[partition] = (loop, task)
        self._health.watch(loop_name(partition), within=STUCK_SECONDS)
        self._watch(task)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by the consumer, which waits for it before it joins the group again."""
        log.info("revoked", partitions=sorted(partition for _, partition in revoked))
        await self._drain()

    async def _drain(self) -> None:
        """All loops stop first, then finish side by side; what is not done in time is cut off.

        Being cut off is safe: the next owner's resume settles whatever was under way.
        """
        draining, self._loops = self._loops, {}
        for partition, (loop, _) in draining.items():
            self._health.forget(loop_name(partition))
            loop.stop()
        tasks = {task for _, task in draining.values()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._drain_seconds)
            for task in late:
                task.cancel()
            if late:
                log.warning("cut off while draining", partitions=len(late))
                await asyncio.wait(late, timeout=CLOSE_SECONDS)
        self._metrics.partitions.owned(self._loops)

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
        """A dead loop or client takes the process with it: nothing else would notice."""
        if task.cancelled():
            if any(task is working for _, working in self._loops.values()):
                self._fail(BrokerUnavailable("the Kafka client has cancelled the work on a partition"))
            return
        error = task.exception()
        if error is not None:
            self._fail(error)
        elif not task.get_name().startswith("partition-"):
            self._fail(BrokerUnavailable("the Kafka client stopped by itself"))

    def _fail(self, error: BaseException) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)
