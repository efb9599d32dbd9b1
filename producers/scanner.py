"""Makes time pass: publishes an `advance` command for every contract that has something due.

It reads only what is due, keeps no state that matters, and changes nothing by itself. Running twice,
crashing, two at once, or a clock ahead of the broker's: all harmless, because an `advance` does what
is due at its record's time and nothing else. What is not due yet stays due for a later run.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from consumer.domain.commands.advance import advance_id
from consumer.errors import LogError, ServiceUnavailable
from producers.scan_run import ScanResult, ScanRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.storage.pruning import HistoryPruner
    from consumer.storage.queries import Due, Queries
    from consumer.telemetry.metrics import Metrics
    from producers.backlog import Backlog
    from producers.commands import CommandProducer
    from producers.gauges import ExpiringGauge
    from producers.messages import CommandMessage
    from producers.scan_run import Addressed, Standings

log = structlog.get_logger()

LEASE: Final = "scanner"
LEASE_MARGIN_SECONDS: Final = 30.0
"""A lease lasts this much longer than the pause between two runs."""

PAGE: Final = 1_000
PATIENCE_SECONDS: Final = 5.0
"""How long a full partition may make no progress before its contracts are left for the next run."""
POLL_SECONDS: Final = 0.2


class Lease(Protocol):
    """Held by one of several scanners."""

    async def hold(self) -> bool:
        """Takes or renews it; False: somebody else has it."""

    async def release(self) -> None:
        """Lets another take over at once."""


class Scanner:
    """Looks for what is due, once per `run_once`.

    Args:
        queries: questions to the database.
        producer: of commands with the scanner's source.
        backlog: tells how far the service has come.
        lease: keeps one scanner active.
        metrics: of this process.
        max_waiting: commands waiting in a partition above which no more are added.
        clock: aware UTC.
        beat: called often enough that a stuck scanner is noticed.
    """

    def __init__(
        self,
        queries: Queries,
        producer: CommandProducer,
        backlog: Backlog,
        lease: Lease,
        *,
        metrics: Metrics,
        max_waiting: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._queries = queries
        self._producer = producer
        self._backlog = backlog
        self._lease = lease
        self._metrics = metrics
        self._max_waiting = max_waiting
        self._clock = clock
        self._beat = beat
        self._last_sent: dict[int, int] = {}

    async def run_once(self) -> ScanResult:
        """Publishes a command for everything that is due now.

        Raises:
            ServiceUnavailable, LogError: a server is away; the next run does what was left undone.
        """
        if not await self._lease.hold():
            return ScanResult(active=False, due=0, published=0, held=0, seconds=0.0)
        run = ScanRun(self._clock(), dict(self._last_sent))
        async with aclosing(self._queries.due(run.now, PAGE)) as pages:
            async for page in pages:
                await self._publish(run, page)
                if not await self._lease.hold():
                    break
        result = run.result()
        self._metrics.scanned(seconds=result.seconds, due=result.due, at=run.now.timestamp())
        return result

    async def release(self) -> None:
        """Lets another scanner take over at once.

        Raises:
            ServiceUnavailable: it can, once the lease has run out.
        """
        await self._lease.release()

    async def _publish(self, run: ScanRun, page: list[Due]) -> None:
        """Publishes a page; where a partition is full, as the service catches up with it."""
        run.due += len(page)
        todo, partitions = await self._addressed(page)
        standings = await self._backlog.standings(partitions)
        while todo:
            self._beat()
            fits, todo = run.split(todo, standings, self._max_waiting)
            for sent in await self._producer.publish_all(fits):
                self._last_sent[sent.partition] = sent.offset
            run.published += len(fits)
            run.tell_progress()
            if not todo:
                return
            moved, standings = await self._moved(standings, todo)
            if not fits and not moved:
                run.stuck |= {partition for partition, _ in todo}

    async def _addressed(self, page: list[Due]) -> tuple[Addressed, int]:
        """The page's commands with their partitions, and how many partitions there are."""
        todo: Addressed = []
        partitions = 0
        for due in page:
            message = self._advance(due)
            home = await self._producer.home(message)
            todo.append((home.partition, message))
            partitions = home.partitions
        return todo, partitions

    async def _moved(self, standings: Standings, todo: Addressed) -> tuple[bool, Standings]:
        """Waits until the service moves on in one of these partitions; whether it did, and the standings."""
        watched = {partition for partition, _ in todo}
        given_up = monotonic() + PATIENCE_SECONDS
        while True:
            found = await self._backlog.standings(len(standings))
            moved = any(found[partition].applied != standings[partition].applied for partition in watched)
            if moved or monotonic() > given_up:
                return moved, found
            self._beat()
            await asyncio.sleep(POLL_SECONDS)

    def _advance(self, due: Due) -> CommandMessage:
        return self._producer.message(
            "advance",
            due.account_id,
            {"contract_id": due.contract_id, "due_at": due.due_at},
            command_id=advance_id(due.contract_id, due.due_at),
        )


async def scan_for_ever(
    scanner: Scanner,
    gauge: ExpiringGauge,
    pruner: HistoryPruner,
    interval: float,
    *,
    beat: Callable[[], None] = lambda: None,
) -> None:
    """Runs the scanner every `interval` seconds until it is cancelled, and what else is done now and then."""
    try:
        while True:
            began = monotonic()
            if await _scan(scanner):
                beat()
                await _prune(pruner)
            beat()
            await _refresh(gauge)
            beat()
            await asyncio.sleep(max(0.0, interval - (monotonic() - began)))
    finally:
        with suppress(ServiceUnavailable):
            await scanner.release()


async def _scan(scanner: Scanner) -> bool:
    """One run; whether this process is the one that scans."""
    try:
        result = await scanner.run_once()
    except (ServiceUnavailable, LogError) as error:
        log.warning("scan failed", error=str(error), hint=error.hint)
        return False
    if result.due:
        log.info("scanned", due=result.due, published=result.published, held=result.held)
    return result.active


async def _prune(pruner: HistoryPruner) -> None:
    try:
        stripped = await pruner.run_once()
    except ServiceUnavailable as error:
        log.warning("pruning the history failed", error=str(error), hint=error.hint)
        return
    if stripped:
        log.info("history pruned", entries=stripped)


async def _refresh(gauge: ExpiringGauge) -> None:
    """A gauge that cannot be counted stays as it is: that is no reason not to scan."""
    try:
        await gauge.refresh()
    except ServiceUnavailable as error:
        log.warning("counting what expires failed", error=str(error), hint=error.hint)
