"""One process of the service: checks the servers, runs its parts, ends in order.

If MongoDB or Kafka does not answer at the start, the process waits, alive but not ready. A problem that
waiting does not fix (no transactions, missing topics, another index) ends it with one readable line.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from consumer import bootstrap, clients, garbage
from consumer.clients import make_hot
from consumer.errors import BrokerUnavailable, LogError, StoreUnavailable
from consumer.kafka import topics
from consumer.kafka.cluster import check_client, cluster_id
from consumer.operator import templates
from consumer.reading.hot_states import follow_states
from consumer.storage import indexes
from consumer.telemetry.health import Health
from consumer.telemetry.http import HttpServer, http_app
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.traces import NO_TRACES
from consumer.telemetry.traces_setup import open_traces
from producers.scanner import scan_for_ever

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from consumer.engine.workers import Workers
    from consumer.kafka.membership import Membership
    from consumer.settings import Settings

T = TypeVar("T")

log = structlog.get_logger()

START_BACKOFF_SECONDS: Final = 2.0

SCAN_SECONDS: Final = 120.0
"""The scanner reports with every page. Without a report for this much longer than its pause it is stuck."""


class Process:
    """The parts of one process and what they share.

    Args:
        settings: validated.
        with_pipeline: apply commands.
        with_scanner: look for what is due.
        with_http: serve /metrics, /healthz and /readyz.
        with_api: serve the HTTP API.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        with_pipeline: bool = True,
        with_scanner: bool = True,
        with_http: bool = True,
        with_api: bool = False,
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.traces = open_traces(settings) if with_pipeline else NO_TRACES
        self.health = Health()
        self.http: HttpServer | None = None
        self._with_pipeline = with_pipeline
        self._with_scanner = with_scanner
        self._with_http = with_http
        self._with_api = with_api
        self._stopping = asyncio.Event()
        self._membership: Membership | None = None

    def stop(self) -> None:
        """Asks for an orderly end: the process finishes current batches and leaves the group."""
        self._stopping.set()
        if self._membership is not None:
            self._membership.stop()

    async def run(self) -> None:
        """Runs until `stop`.

        Raises:
            StartRefused: a requirement is not met; waiting does not help.
            ContractsError: a part failed; the process should be started again.
        """
        check_client()
        async with self.traces, clients.opened_mongo(self.settings, self.metrics.mongo_operation) as client:
            await self._run_parts(client)

    async def _run_parts(self, client: Any) -> None:
        tasks = [asyncio.create_task(garbage.collect_for_ever(), name="garbage")]
        try:
            if self._with_http:
                tasks.append(self._serve())
            if self._with_api:
                from consumer.api.serving import serve_api  # noqa: PLC0415 - memory that most do without

                tasks.append(asyncio.create_task(serve_api(self.settings, self.metrics), name="api"))
            found = await _patiently(lambda: self._prepare(client), self.health, self._stopping)
            if found is None:
                return
            _add_mongo_check(self.health, client)
            if (hot := make_hot(self.settings)) is not None:
                tasks.append(asyncio.create_task(follow_states(self.settings, hot), name="cache"))
            watching = templates.keep_agreeing(client[self.settings.mongo_database], self.settings)
            tasks.append(asyncio.create_task(watching, name="templates"))
            if self._with_scanner:
                tasks.append(asyncio.create_task(self._scan(client), name="scanner"))
            if self._with_pipeline:
                tasks.append(asyncio.create_task(self._work(client, *found), name="pipeline"))
            await _until_first_ends(tasks, self._stopping)
        finally:
            self.stop()
            await _ended(tasks)

    def _serve(self) -> asyncio.Task[None]:
        settings = self.settings
        token = settings.http_bearer_token
        app = http_app(self.metrics, self.health, bearer_token=token.get_secret_value() if token else None)
        self.http = HttpServer(app, settings.http_host, settings.http_port)
        log.info("listening", url=self.http.url)
        return asyncio.create_task(self.http.serve(), name="http")

    async def _work(self, client: Any, cluster: str, counts: Mapping[str, int]) -> None:
        settings = self.settings
        store = bootstrap.make_store(settings, client)
        self._membership, workers = bootstrap.make_membership(
            settings, store, cluster, counts, metrics=self.metrics, health=self.health, traces=self.traces
        )
        _add_checks(self.health, self._membership, workers, settings)
        await self._membership.run()

    async def _scan(self, client: Any) -> None:
        """Scans forever, with new clients after each failed start."""
        interval = self.settings.scan_interval_seconds
        self.health.watch("scanner", within=interval + SCAN_SECONDS)
        beat = partial(self.health.beat, "scanner")
        gauge = bootstrap.expiring_gauge(self.settings, client, self.metrics)
        pruner = bootstrap.history_pruner(self.settings, client)
        while True:
            try:
                async with bootstrap.scanner(self.settings, client, self.metrics, beat=beat) as scanner:
                    await scan_for_ever(scanner, gauge, pruner, interval, beat=beat)
            except LogError as error:
                log.warning("cannot scan yet", error=str(error), hint=error.hint)
            beat()
            await asyncio.sleep(START_BACKOFF_SECONDS)

    async def _prepare(self, client: Any) -> tuple[str, dict[str, int]]:
        """Checks that everything needed exists.

        Returns the Kafka cluster's id and the partition counts of its topics.
        """
        settings = self.settings
        database = client[settings.mongo_database]
        await indexes.check_transactions(client, database)
        await indexes.ensure(database, history_retention_days=settings.history_retention_days)
        await templates.agree(database, settings)
        counts = (await topics.check(settings)).counts
        return await cluster_id(settings), counts


async def _patiently(step: Callable[[], Awaitable[T]], health: Health, stopping: asyncio.Event) -> T | None:
    """Tries until the servers answer; None: it was stopped before."""
    waiting: dict[str, str] = {"start": "not started yet"}

    async def why() -> str | None:
        return waiting.get("start")

    health.add_check("start", why)
    while not stopping.is_set():
        try:
            result = await step()
        except (StoreUnavailable, BrokerUnavailable) as error:
            waiting["start"] = str(error)
            log.warning("waiting to start", error=str(error), hint=error.hint)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), START_BACKOFF_SECONDS)
        else:
            health.remove_check("start")
            return result
    return None


def _add_mongo_check(health: Health, client: Any) -> None:
    async def mongo_answers() -> str | None:
        await client.admin.command("ping")
        return None

    health.add_check("mongodb", mongo_answers)


def _add_checks(health: Health, membership: Membership, workers: Workers, settings: Settings) -> None:
    async def partitions_work() -> str | None:
        return workers.why_idle()

    async def lag_holds() -> str | None:
        return workers.why_late(settings.max_lag_records, settings.max_lag_seconds)

    health.add_check("kafka", membership.member.why_no_broker)
    health.add_check("partitions", partitions_work)
    health.add_check("lag", lag_holds)


async def _until_first_ends(tasks: list[asyncio.Task[None]], stopping: asyncio.Event) -> None:
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    """Waits for the pipeline to drain, ends the other parts, and raises the first failure."""
    for task in tasks:
        if task.get_name() == "pipeline":
            await asyncio.wait({task})
        else:
            task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def run(
    settings: Settings, *, with_pipeline: bool = True, with_scanner: bool = True, with_api: bool = False
) -> None:
    """Runs the service, or a part of it, in this process until SIGTERM or SIGINT."""
    process = Process(settings, with_pipeline=with_pipeline, with_scanner=with_scanner, with_api=with_api)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    await process.run()
