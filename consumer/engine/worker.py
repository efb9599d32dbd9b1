"""The worker: one member of the group, which works on all its partitions together.

    take over -> work (pipeline.py) -> release

Any failure or unknown outcome leads to a takeover of all partitions, never to a retry of one part: see
takeover.py. A stopped partition waits for an operator's decision, and one that was left out until it can be
taken over; the others continue. When it can be, after a pause if it was left out several times in a row, the
worker publishes everything and takes over again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import time_ns
from typing import TYPE_CHECKING

import structlog

from consumer.engine.backoff import Backoff
from consumer.engine.pipeline import Pipeline
from consumer.engine.resuming import Resuming
from consumer.errors import ContractsError, ForeignDocument, LogError, StoreError
from consumer.storage.chain import heads_of
from consumer.telemetry.metrics import ASSIGNED, LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from consumer.engine.partition import Partition
    from consumer.engine.publishing import Publishing
    from consumer.engine.reading import Reading
    from consumer.engine.storing import Storing
    from consumer.engine.takeover import Takeover
    from consumer.kafka.publisher import Publisher
    from consumer.telemetry.metrics import Metrics
    from consumer.telemetry.traces import Traces

log = structlog.get_logger()


class Worker:
    """Works on the partitions of one assignment until it is stopped.

    Args:
        partitions: the assigned partitions, by number.
        beat: called at every turn, so that a stuck loop is noticed.
    """

    def __init__(
        self,
        partitions: Mapping[int, Partition],
        *,
        reading: Reading,
        publisher: Publisher,
        takeover: Takeover,
        storing: Storing,
        publishing: Publishing,
        batch_commands: int,
        metrics: Metrics,
        beat: Callable[[], None],
        traces: Traces,
    ) -> None:
        self.partitions = partitions
        self._reading = reading
        self._publisher = publisher
        self._takeover = takeover
        self._publishing = publishing
        self._traces = traces
        self._beat = beat
        self._stopping = asyncio.Event()
        self._finishing = asyncio.Event()
        """The pipeline must end: the worker is stopped, or can take over a partition that was left out."""
        self._backoff = Backoff()
        self._resuming = Resuming(
            partitions, takeover=takeover, reading=reading, storing=storing, metrics=metrics
        )
        self._pipeline = Pipeline(
            partitions,
            reading=reading,
            storing=storing,
            publishing=publishing,
            batch_commands=batch_commands,
            beat=beat,
            stopping=self._finishing,
            look=self._look,
            succeeded=self._backoff.succeeded,
        )

    def why_idle(self) -> dict[int, ContractsError]:
        """The partitions that cannot be processed, and why: stopped, or failing again and again."""
        lasting = self._backoff.lasting
        found = {
            n: p.error or p.delay.obstacle.error or lasting or p.batch_size.refusal
            for n, p in self.partitions.items()
        }
        return {number: error for number, error in found.items() if error is not None}

    def reached(self) -> dict[int, int]:
        """The approximate progress of each partition: for lag tools."""
        return {n: p.position.next for n, p in self.partitions.items() if p.taken_over}

    def stop(self) -> None:
        """Asks the worker to finish and publish current batches, and to release its partitions."""
        self._stopping.set()
        self._finishing.set()

    async def run(self) -> None:
        """Takes over and works, until stopped: again after each failure, and when `look` says so."""
        reason = ASSIGNED
        try:
            while not self._stopping.is_set():
                try:
                    await self._reading.start()
                    await self._take_over(reason)
                    await self._pipeline.run()
                    if self._stopping.is_set():
                        await self._publishing.release(self._working())
                    reason = LEFT_OUT
                except ForeignDocument as error:
                    _stop_damaged([self.partitions[n] for n in self._resuming.wanted()], error)
                except (StoreError, LogError) as error:
                    reason = type(error).__name__
                    log.warning("taking over again", reason=reason, error=str(error))
                    await self._wait(self._backoff.failed(error, self._takeover.owner))
        finally:
            await self._publisher.discard()
            await self._reading.stop()

    def _working(self) -> list[Partition]:
        return [partition for partition in self.partitions.values() if partition.working]

    async def _take_over(self, reason: str) -> None:
        self._beat()
        if not self._stopping.is_set():
            self._finishing.clear()
        since = time_ns()
        await self._resuming.run(reason)
        if self._stopping.is_set():
            return  # they are released at once
        working = self._working()
        replaying = [p.number for p in working if p.publication.replay_to(p.position) is not None]
        if not replaying:
            self._traces.took_over(reason, len(working), since)
        _log_takeover(reason, working, replaying)

    async def _look(self) -> None:
        if await self._resuming.look():
            self._finishing.set()

    async def _wait(self, seconds: float) -> None:
        """Waits until the next try, or until it is stopped; meanwhile reads the lag of the partitions."""
        self._beat()
        look = asyncio.create_task(self._reading.look(list(self.partitions)))
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
        finally:
            look.cancel()
            await asyncio.wait({look})


def _stop_damaged(partitions: Sequence[Partition], error: ForeignDocument) -> None:
    """Stops the partitions whose positions cannot be read.

    Raises:
        ForeignDocument: it is not a position of this service.
    """
    damaged = [each for each in partitions if any(str(n).endswith(f"/{each.number}") for n in error.names)]
    if not damaged:
        raise error
    for partition in damaged:
        partition.stop(error)


def _log_takeover(reason: str, working: Sequence[Partition], replaying: Sequence[int]) -> None:
    # Heads are kept here for `contracts history verify`: who can write to MongoDB cannot change logs.
    heads = [str(head) for head in heads_of(partition.position for partition in working)]
    numbers = [partition.number for partition in working]
    log.info("took over", reason=reason, partitions=numbers, replaying=replaying, heads=heads)
