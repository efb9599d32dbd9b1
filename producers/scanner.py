"""Publishes an `advance` command for every contract that has something due.

It reads only contracts that are due, keeps no state that must survive, and changes no contract itself.
Crashes, repeated runs, several scanners at the same time and a clock ahead of the broker's are all
harmless: an `advance` does what is due at the time of its record and nothing else. A later run sends what
this one left out.
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
"""How much longer a lease lasts than the pause between two runs."""

PAGE: Final = 1_000
PATIENCE_SECONDS: Final = 5.0
"""How long a full partition may make no progress before its contracts are left for the next run."""
POLL_SECONDS: Final = 0.2


class Lease(Protocol):
    """A lease that only one of several scanners can hold."""

    async def hold(self) -> bool:
        """Takes or renews the lease; False: another scanner holds it."""

    async def release(self) -> None:
        """Gives the lease back, so that another scanner can take it at once."""


class Scanner:
    """Looks for contracts that are due, once for each `run_once`.

    Args:
        queries: queries on the database.
        producer: publishes commands with the scanner's source.
        backlog: the number of commands that wait in each partition.
        lease: keeps one scanner active.
        metrics: of this process.
        max_waiting: no commands are added to a partition while more than this number wait in it.
        clock: aware UTC.
        beat: called regularly, so that a stuck scanner is noticed.
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
        """Publishes a command for every contract that is due now.

        Raises:
            ServiceUnavailable, LogError: a server does not answer; the next run continues.
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
        """Gives the lease back, so that another scanner can take over at once.

        Raises:
            ServiceUnavailable: another scanner can take over when the lease has expired.
        """
        await self._lease.release()

    async def _publish(self, run: ScanRun, page: list[Due]) -> None:
        """Publishes a page's commands. If a partition is full, waits until the service has applied some."""
        run.due += len(page)
        todo, partitions = await self._addressed(page)
        standings = await self._backlog.standings(partitions)
        while todo:
            self._beat()
            fits, todo = run.split(todo, standings, self._max_waiting)
            for sent in await self._producer.publish_all(fits):
                self._last_sent[sent.partition] = sent.offset
            run.published += len(fits)
            run.log_progress()
            if not todo:
                return
            progressed, standings = await self._await_progress(standings, todo)
            if not fits and not progressed:
                run.stuck |= {partition for partition, _ in todo}

    async def _addressed(self, page: list[Due]) -> tuple[Addressed, int]:
        """The commands of a page with their partitions, and the number of partitions."""
        todo: Addressed = []
        partitions = 0
        for due in page:
            message = self._advance(due)
            home = await self._producer.home(message)
            todo.append((home.partition, message))
            partitions = home.partitions
        return todo, partitions

    async def _await_progress(self, standings: Standings, todo: Addressed) -> tuple[bool, Standings]:
        """Waits for progress in one of these partitions. Returns whether there was any, and the backlog."""
        watched = {partition for partition, _ in todo}
        given_up = monotonic() + PATIENCE_SECONDS
        while True:
            found = await self._backlog.standings(len(standings))
            progressed = any(
                found[partition].applied != standings[partition].applied for partition in watched
            )
            if progressed or monotonic() > given_up:
                return progressed, found
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
    """Runs the scanner every `interval` seconds until it is cancelled, together with other periodic work."""
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
    """One run. Returns whether this process is the active scanner."""
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
    """If counting fails, the gauge keeps its value, and the scanner continues."""
    try:
        await gauge.refresh()
    except ServiceUnavailable as error:
        log.warning("counting expiring contracts failed", error=str(error), hint=error.hint)
