"""One member of the group: works on all its partitions together.

    fetch -> [MongoDB transactions, several side by side: load, fold, write, move positions]
          -> [one Kafka transaction at a time: outputs and progress of all that is stored by then]

Any failure or doubt ends in a takeover of all partitions, never in a retry of the half that failed: see
takeover.py. A stopped partition waits for an operator's decision; the others continue.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from zlib import crc32

import structlog

from consumer.engine.schedule import FULL, next_batch
from consumer.engine.takeover import Resumed
from consumer.engine.tasks import Tasks
from consumer.errors import (
    ContractsError,
    DeadLetterLimit,
    ForeignDocument,
    LogError,
    PositionError,
    StoreError,
)
from consumer.storage.protocols import SESSIONS
from consumer.telemetry.metrics import ASSIGNED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from consumer.engine.partition import Partition
    from consumer.engine.publishing import Publishing
    from consumer.engine.reading import Reading
    from consumer.engine.storing import Stored, Storing
    from consumer.engine.takeover import Takeover
    from consumer.kafka.publisher import Publisher
    from consumer.telemetry.metrics import Metrics

log = structlog.get_logger()

FETCH: Final = "fetch"
STORE: Final = "store"
PUBLISH: Final = "publish"
LOOK: Final = "look"

BACKOFF_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)

REST_SHARE: Final = 2.0
REST_SECONDS: Final = 0.02
"""How long commands gather after a batch: so many times what it took to store, but no longer than this."""

FETCH_PAUSE_SECONDS: Final = 0.01
"""Between two fetches while there is something to do: each costs the broker and us half a millisecond."""

LOOK_SECONDS: Final = 2.0
"""How often what waits is asked for in partitions that are not fetched."""

TURN_SECONDS: Final = 1.0
"""The loop turns at least so often, for the health checks."""


class Worker:
    """Works on the partitions of one assignment until it is told to stop.

    Args:
        partitions: what it was assigned, by number.
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
    ) -> None:
        self.partitions = partitions
        self._reading = reading
        self._publisher = publisher
        self._takeover = takeover
        self._storing = storing
        self._publishing = publishing
        self._batch_commands = batch_commands
        self._metrics = metrics
        self._beat = beat
        self._stopping = asyncio.Event()
        self._queue = list(partitions.values())
        self._stored: list[Stored] = []
        self._tasks = Tasks()
        self._rest_until = self._fetch_from = 0.0
        self._looked_at = 0.0
        self._failures = 0
        self._trouble: ContractsError | None = None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def why_idle(self) -> dict[int, ContractsError]:
        """The partitions in which nothing is done, and why: for good, or again and again."""
        trouble = self._trouble if self._failures > 1 else None
        found = {n: p.error or p.obstacle.error or trouble for n, p in self.partitions.items()}
        return {number: error for number, error in found.items() if error is not None}

    def reached(self) -> dict[int, int]:
        """How far each partition is published, about: for lag tools."""
        return {n: p.position.next for n, p in self.partitions.items() if p.taken_over}

    def stop(self) -> None:
        """Asks the worker to finish what is under way, publish it, and let go of its partitions."""
        self._stopping.set()

    async def run(self) -> None:
        """Takes over and works, again after every failure, until stopped."""
        reason = ASSIGNED
        try:
            while not self._stopping.is_set():
                try:
                    await self._reading.start()
                    await self._take_over(reason)
                    await self._work()
                    await self._publishing.release(self._working())
                except ForeignDocument as error:
                    self._stop_damaged(error)
                except (StoreError, LogError) as error:
                    reason = type(error).__name__
                    log.warning("taking over again", reason=reason, error=str(error))
                    self._trouble = error
                    await self._back_off()
        finally:
            await self._publisher.discard()
            await self._reading.stop()

    def _stop_damaged(self, error: ForeignDocument) -> None:
        """Stops the partitions whose positions cannot be read.

        Raises:
            ForeignDocument: it is no position of ours.
        """
        damaged = [p for p in self._working() if any(str(n).endswith(f"/{p.number}") for n in error.names)]
        if not damaged:
            raise error
        for partition in damaged:
            partition.stop(error)

    def _working(self) -> list[Partition]:
        return [partition for partition in self.partitions.values() if partition.error is None]

    async def _take_over(self, reason: str) -> None:
        self._beat()
        # One that stopped because of dead letters may have a batch that is not published yet.
        wanted = [
            n for n, p in self.partitions.items() if not isinstance(p.error, PositionError | ForeignDocument)
        ]
        self._metrics.resumed(reason, len(wanted))
        with self._metrics.stage("resume"):
            taken = await self._takeover.run(wanted)
        self._storing.owner = self._takeover.owner
        for number, resumed in taken.items():
            partition = self.partitions[number]
            if isinstance(resumed, Resumed):
                partition.go_on_from(resumed)
                self._metrics.partitions.stored(number, partition.position.tallies)
            else:
                partition.stop(resumed)
            if isinstance(partition.error, DeadLetterLimit):
                await self._storing.note_stop(partition)  # the claim has made it forgotten
        if self._stopping.is_set():
            return  # they are let go again at once
        working = self._working()
        replaying = [partition.number for partition in working if partition.replaying]
        log.info("took over", reason=reason, partitions=[p.number for p in working], replaying=replaying)

    async def _work(self) -> None:
        """Batches until stopped; then what is under way is stored and published."""
        self._stored = []
        try:
            while True:
                self._beat()
                self._start_publishing()
                now = self._now()
                if not self._stopping.is_set():
                    self._start_batch(now)
                    self._start_fetch(now)
                    self._start_look(now)
                elif not self._tasks.any(STORE, PUBLISH) and not self._stored:
                    return
                await self._tasks.wait(self._stopping, self._pause(now))
                self._finish()
        finally:
            await self._tasks.cancel()

    def _pause(self, now: float) -> float:
        """Until there is something to start for which the time was not ripe at `now`.

        A later moment would not do: what became ripe in between would wait for the next turn.
        """
        moments = [self._rest_until] if self._waiting() else []
        if not self._tasks.any(FETCH):
            moments.append(self._fetch_from)
        return min([TURN_SECONDS, *(moment - now for moment in moments if moment > now)])

    def _waiting(self) -> int:
        return sum(partition.intake.waiting for partition in self._queue if partition.ready)

    def _start_batch(self, now: float) -> None:
        """As many as the schedule wants; the partitions taken go to the end of the queue."""
        if now < self._rest_until and self._waiting() < FULL:
            return
        while lanes := self._tasks.free(STORE, SESSIONS):
            chosen = next_batch(
                self._queue, running=SESSIONS - len(lanes), lanes=SESSIONS, most=self._batch_commands
            )
            if not chosen:
                return
            for partition in chosen:
                partition.busy = True
            self._queue.sort(key=chosen.__contains__)  # stable: the others keep their order
            self._tasks.start(STORE, lanes[0], self._store(lanes[0], chosen))

    async def _store(self, lane: int, partitions: Sequence[Partition]) -> None:
        started = self._now()
        stored = await self._storing.store(lane, partitions)
        self._rest_until = self._now() + min((self._now() - started) * REST_SHARE, REST_SECONDS)
        self._stored += stored
        for partition in partitions:
            partition.busy = False
        for one in stored:
            self._metrics.partitions.stored(one.partition.number, one.position.tallies)
        if stored:
            self._failures = 0

    def _start_publishing(self) -> None:
        if self._stored and not self._tasks.any(PUBLISH):
            stored, self._stored = self._stored, []
            self._tasks.start(PUBLISH, 0, self._publishing.publish(stored))

    def _start_fetch(self, now: float) -> None:
        """At once while nothing is to do; else what comes meanwhile gathers at the broker for a moment."""
        if self._tasks.any(FETCH) or (now < self._fetch_from and (self._tasks.any(STORE) or self._waiting())):
            return
        if wanted := self._reading.wanted(now):
            self._tasks.start(FETCH, 0, self._fetch(*wanted))

    async def _fetch(self, positions: Mapping[int, int], wait_ms: int) -> None:
        await self._reading.fetch(positions, wait_ms)
        for partition, error in self._reading.hopeless():
            await self._storing.stop(partition, error)
        if all(partition.drained and not partition.lag.records for partition in self._working()):
            self._failures = 0  # nothing is there that could fail again
        self._fetch_from = self._now() + FETCH_PAUSE_SECONDS

    def _start_look(self, now: float) -> None:
        """Where nothing is fetched, what waits still has to be told."""
        if now - self._looked_at < LOOK_SECONDS or self._tasks.any(LOOK):
            return
        self._looked_at = now
        if stopped := [number for number, partition in self.partitions.items() if partition.error]:
            self._tasks.start(LOOK, 0, self._reading.look(stopped))

    def _finish(self) -> None:
        """Looks at all that has ended; the first failure goes up."""
        errors = [error for task in self._tasks.ended() if (error := task.exception())]
        if errors:
            raise errors[0]

    async def _back_off(self) -> None:
        # Not the same for all: two workers that end each other's transactions in step would do so forever.
        share = 0.5 + crc32(self._takeover.owner.encode()) % 1_000 / 1_000
        seconds = share * BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)]
        self._failures += 1
        self._beat()
        look = asyncio.create_task(self._reading.look(list(self.partitions)))
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
        finally:
            look.cancel()
            await asyncio.wait({look})
