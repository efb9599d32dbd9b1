"""The loop of one partition: apply a batch while the one before is being published.

    fetch -> decode -> [MongoDB transaction: load, fold, write, move position] -> [Kafka transaction]

Any failure or doubt ends in `resume`, never in a retry of the half that failed: see resume.py.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from consumer.errors import (
    ContractsError,
    DeadLetterLimit,
    ForeignDocument,
    LogError,
    PositionError,
    StoreError,
)
from consumer.pipeline.applier import SLICE
from consumer.pipeline.reader import Revoked
from consumer.pipeline.records import Undecodable
from consumer.pipeline.resume import resume
from consumer.pipeline.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.metrics import Metrics
    from consumer.pipeline.applier import Applier, Batch
    from consumer.pipeline.decoder import Decoder
    from consumer.pipeline.published import ResultLog
    from consumer.pipeline.reader import Fetched, PartitionReader
    from consumer.pipeline.records import Decoded, Record
    from consumer.storage.protocols import Origin, Position, Store
    from producers.publisher import Publisher

log = structlog.get_logger()

FETCH_TIMEOUT_MS: Final = 1_000
BACKOFF_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
HALTED_POLL_SECONDS: Final = 1.0

REST_SHARE: Final = 2.0
REST_SECONDS: Final = 0.05
"""How long commands gather after a batch: so many times what it took to store, but no longer than this."""


class Lag(NamedTuple):
    """What waits in a partition; `seconds` is the age of its oldest command."""

    records: int
    seconds: float


class PartitionLoop:
    """Works on one assigned partition until it is told to stop.

    Args:
        reader, results, store, publisher: of this partition; the applier is this owner's own.
        owner: unique to this loop: the position names it as its only writer.
        make_decoder: makes the decoder, given what to add to offsets.
        beat: called at every turn, so that a stuck loop is noticed.
    """

    def __init__(
        self,
        *,
        reader: PartitionReader,
        results: ResultLog,
        store: Store,
        publisher: Publisher,
        applier: Applier,
        owner: str,
        origin: Origin,
        make_decoder: Callable[[int], Decoder],
        metrics: Metrics,
        beat: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._results = results
        self._store = store
        self._publisher = publisher
        self._applier = applier
        self._owner = owner
        self._origin = origin
        self._make_decoder = make_decoder
        self._metrics = metrics
        self._beat = beat
        self._decoder = make_decoder(0)
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._log = log.bind(topic=reader.topic, partition=reader.partition)
        self.lag = Lag(0, 0.0)
        self._settled: int | None = None
        self._more_waits = False
        self._rest_until = 0.0
        self.error: ContractsError | None = None
        """Why the partition stands still; None while it works."""
        self._failures = 0
        self._trouble: ContractsError | None = None

    def why_idle(self) -> ContractsError | None:
        """Why nothing is done here: for good, or again and again; None while it works."""
        return self.error or (self._trouble if self._failures > 1 else None)

    def stop(self) -> None:
        """Asks the loop to finish what is under way and end."""
        if not self._stopped.done():
            self._stopped.set_result(None)

    async def run(self) -> None:
        """Resumes and works, again after every failure, until stopped or revoked."""
        reason = "assigned"
        try:
            while not self._stopped.done():
                try:
                    await self._take_over(reason)
                    await self._work()
                except (PositionError, DeadLetterLimit, ForeignDocument) as error:
                    await self._halt(error)
                except (StoreError, LogError) as error:
                    reason = type(error).__name__
                    self._log.warning("resuming", reason=reason, error=str(error))
                    self._trouble = error
                    await self._wait(BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)])
                    self._failures += 1
        except Revoked:
            self._log.info("revoked")
        finally:
            await self._publisher.discard()
            await self._reader.close()

    async def _take_over(self, reason: str) -> None:
        self._beat()
        self._metrics.resumed(reason)
        with self._metrics.stage("resume"):
            resumed = await resume(
                reader=self._reader,
                results=self._results,
                store=self._store,
                publisher=self._publisher,
                owner=self._owner,
                origin=self._origin,
            )
        self._applier.go_on_from(resumed)
        self._settle(resumed.position)
        self._decoder = self._make_decoder(resumed.position.base())
        position = resumed.position.next
        self._log.info("resumed", reason=reason, position=position, published=resumed.publish_from)

    async def _work(self) -> None:
        """Batches, until stopped: the next one is applied while the last one is being published."""
        publishing: asyncio.Task[None] | None = None
        try:
            while not self._stopped.done():
                await self._rest()
                await self._fill_unless_ended(publishing)
                if publishing is not None and publishing.done():
                    publishing.result()
                if self._stopped.done() or not self._applier.intake.records:
                    continue
                started = monotonic()
                batch = await self._apply(publishing)
                self._rest_until = monotonic() + min((monotonic() - started) * REST_SHARE, REST_SECONDS)
                self._failures = 0
                self._settle(batch.position)
                if publishing is not None:
                    await publishing
                publishing = asyncio.create_task(self._publish(batch))
            if publishing is not None:
                await publishing
        finally:
            await _cancelled(publishing)

    async def _rest(self) -> None:
        """Lets commands gather, unless more are known to wait.

        A batch costs the service, the broker and the database some 10 ms of processor together, however few
        commands it holds. Partitions that never rest spend what is left of it on small batches, and wait for
        each other in every step.
        """
        rest = self._rest_until - monotonic()
        if rest > 0 and not self._more_waits and not self._applier.intake.records:
            await asyncio.wait({self._stopped}, timeout=rest)

    async def _apply(self, publishing: asyncio.Task[None] | None) -> Batch:
        try:
            return await self._applier.apply()
        except ContractsError:
            # Whatever stops this batch, the one before it is stored: let it out. Where that fails, its
            # error comes first, because a resume publishes it and then meets this batch again.
            if publishing is not None:
                await publishing
            raise

    async def _fill_unless_ended(self, publishing: asyncio.Task[None] | None) -> None:
        """Waits for records, but not beyond a stop or a failed publication."""
        fill = asyncio.ensure_future(self._fill())
        watched: set[asyncio.Future[None]] = {fill, self._stopped}
        if publishing is not None and not publishing.done():
            watched.add(publishing)
        try:
            while True:
                done, watched = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
                if fill in done:
                    return fill.result()
                if self._stopped in done or any(task.exception() for task in done):
                    return None
        finally:
            await _cancelled(fill)

    async def _fill(self) -> None:
        """Fetches and decodes, unless records still wait from a batch that was full."""
        self._beat()
        intake = self._applier.intake
        if intake.records:
            return
        most = self._applier.batch_commands
        fetched = await self._reader.fetch(max_records=most, timeout_ms=FETCH_TIMEOUT_MS)
        self._take_lag(fetched)
        with self._metrics.stage("decode"):
            for number, record in enumerate(fetched.records, start=1):
                intake.records.append(self._decode(record))
                if number % SLICE == 0:
                    await asyncio.sleep(0)
        intake.next = fetched.next

    def _decode(self, record: Record | Unreadable) -> Decoded:
        if isinstance(record, Unreadable):
            return Undecodable("unreadable", "the client cannot parse this record", "", record)
        return self._decoder.decode(record)

    async def _publish(self, batch: Batch) -> None:
        if batch.outputs is None:
            return
        with self._metrics.stage("publish"):
            await self._publisher.publish(batch.outputs, batch.position.next)
        now = datetime.now(UTC).timestamp()
        self._metrics.latencies([now - timestamp / 1000 for timestamp in batch.timestamps])
        for name, count in batch.events.items():
            self._metrics.event(name, count)

    def _take_lag(self, fetched: Fetched) -> None:
        end = self._reader.end()
        beyond = 0 if end is None else max(0, end - fetched.next)
        self._more_waits = beyond > 0
        behind = len(fetched.records) + beyond
        oldest = fetched.records[0].timestamp / 1000 if fetched.records else None
        age = 0.0 if oldest is None else max(0.0, datetime.now(UTC).timestamp() - oldest)
        self.lag = Lag(behind, age)
        self._metrics.partitions.lag(self._reader.partition, *self.lag)

    def _settle(self, position: Position) -> None:
        self._settled = position.next
        self._metrics.partitions.stored(self._reader.partition, position.tallies)

    async def _look(self) -> None:
        """While nothing is fetched, what waits still has to be told."""
        end = await self._reader.look_for_end()
        if self._settled is None:  # stopped before its first batch
            self._settled = await self._reader.committed()
        if end is not None and self._settled is not None:
            behind = max(0, end - self._settled)
            self.lag = Lag(behind, self._metrics.partitions.lag(self._reader.partition, behind, None))

    async def _halt(self, error: ContractsError) -> None:
        """Stands still until this process is restarted, without leaving the group."""
        self.error = error
        self._metrics.partitions.stopped(self._reader.partition, type(error).__name__)
        self._log.error("partition stopped", error=str(error), hint=error.hint)
        while not self._stopped.done():
            await self._wait(HALTED_POLL_SECONDS)

    async def _wait(self, seconds: float) -> None:
        self._beat()
        look = asyncio.ensure_future(self._look())
        try:
            await asyncio.wait({self._stopped}, timeout=seconds)
        finally:
            await _cancelled(look)


async def _cancelled(task: asyncio.Future[None] | None) -> None:
    """Ends a task; its outcome does not matter any more."""
    if task is None:
        return
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task
