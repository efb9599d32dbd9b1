"""The whole service in the test's own event loop, on topics and a database of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from consumer import bootstrap, clients
from consumer.engine.workers import Workers
from consumer.kafka import topics
from consumer.kafka.cluster import cluster_id
from consumer.operator.positions import PositionAdmin, position_admin
from consumer.settings import Settings, load_settings
from consumer.storage import indexes
from consumer.storage.mongo_driver import close
from consumer.telemetry.health import Health
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.traces_setup import open_traces

START_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """A service that works on all its partitions."""

    settings: Settings
    mongo: Any
    metrics: Metrics

    @property
    def database(self) -> Any:
        return self.mongo.get_database(self.settings.mongo_database)


def settings_for(kafka: Any, mongo: Any, name: str, **settings: Any) -> Settings:
    """Settings for servers of the tests; `name` keeps topics, group and database apart from others'."""
    defaults = {
        "kafka_bootstrap_servers": kafka.bootstrap,
        "mongo_uri": mongo.uri if mongo else "mongodb://localhost",
        "mongo_database": name,
        "topic_prefix": f"{name}.",
        "group_id": name,
        "topic_replication_factor": 1,
        "topic_partitions": 3,
    }
    return load_settings(**{**defaults, **settings})


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """The service of these settings, ready; stopped in order at the end."""
    counts = (await topics.ensure(settings)).counts
    metrics, traces = Metrics(), open_traces(settings)
    mongo = clients.open_mongo(settings, metrics.mongo_operation)
    await indexes.ensure(mongo[settings.mongo_database])
    store = bootstrap.make_store(settings, mongo)
    cluster = await cluster_id(settings)
    membership, workers = bootstrap.make_membership(
        settings, store, cluster, counts, metrics=metrics, health=Health(), traces=traces
    )
    async with traces:
        task = asyncio.create_task(membership.run())
        try:
            await _ready(workers, task)
            yield Running(settings, mongo, metrics)
        finally:
            membership.stop()
            await task
            await close(mongo)


@asynccontextmanager
async def positions(settings: Settings) -> AsyncIterator[PositionAdmin]:
    """What an operator sees and decides, on a connection of its own."""
    client = clients.open_mongo(settings)
    try:
        async with position_admin(settings, bootstrap.make_store(settings, client)) as admin:
            yield admin
    finally:
        await close(client)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 180) -> None:
    """Returns once the condition holds.

    Raises:
        TimeoutError: it does not within so many seconds.
    """
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - a database gives no signal
            await asyncio.sleep(0.02)


async def _ready(workers: Workers, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not _at_work(workers):
            if task.done():
                task.result()
            await asyncio.sleep(0.02)


def _at_work(workers: Workers) -> bool:
    """Whether all partitions of the process are taken over, or stand still with an error."""
    worker = workers._worker
    return worker is not None and all(
        partition.taken_over or partition.error is not None for partition in worker.partitions.values()
    )
