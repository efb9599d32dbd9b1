"""The composition root: creates every object of the service that connects to a server.

Other programs use two parts alone: clients.py (no engine) and producers/connect.py (no driver of MongoDB).
"""

from __future__ import annotations

import os
import socket
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from consumer.clients import make_queries
from consumer.domain.commands.advance import SOURCE
from consumer.engine.cache import CacheBudget, ContractCache
from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.engine.limits import limits_of
from consumer.engine.partition import Partition
from consumer.engine.publishing import Publishing
from consumer.engine.reading import Reading
from consumer.engine.storing import Storing
from consumer.engine.takeover import Takeover
from consumer.engine.worker import Worker
from consumer.engine.workers import WORKER, Workers
from consumer.kafka.cluster import make_client, make_consumer
from consumer.kafka.fetcher import Fetcher
from consumer.kafka.journal import Journal
from consumer.kafka.leaders import Leaders
from consumer.kafka.membership import Membership
from consumer.kafka.publisher import Publisher
from consumer.storage.leases import MongoLease
from consumer.storage.mongo import MongoStore
from consumer.storage.protocols import Origin
from consumer.storage.pruning import HistoryPruner
from consumer.telemetry.traces import NO_TRACES, Traces
from producers.backlog import Backlog
from producers.connect import make_command_producer
from producers.gauges import ExpiringGauge
from producers.scanner import LEASE, LEASE_MARGIN_SECONDS, Scanner
from schemas.partitioning import HOMES
from schemas.topics import COMMANDS, POSITIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping

    from consumer.engine.limits import Limits
    from consumer.settings import Settings
    from consumer.storage.mongo_driver import Client
    from consumer.storage.protocols import Store
    from consumer.telemetry.health import Health
    from consumer.telemetry.metrics import Metrics

DRAIN_SHARE: Final = 0.5
"""Of the rebalance timeout: the rest is for joining again."""


def make_membership(
    settings: Settings,
    store: Store,
    cluster: str,
    counts: Mapping[str, int],
    *,
    metrics: Metrics,
    health: Health,
    traces: Traces = NO_TRACES,
) -> tuple[Membership, Workers]:
    """The engine of this process, ready to run, and the object that reports its condition.

    `counts`: how many partitions each output topic has in this cluster, by its name with the prefix.
    """
    make = partial(make_worker, settings, store, cluster, counts, metrics, health, traces)
    workers = Workers(make, health, metrics)
    membership = Membership(
        make_consumer(settings),
        partial(make_client, settings),
        settings.topic_prefix + COMMANDS,
        workers.start,
        drain_seconds=settings.rebalance_timeout_ms / 1000 * DRAIN_SHARE,
        owned=workers.owned,
    )
    return membership, workers


def make_worker(
    settings: Settings,
    store: Store,
    cluster: str,
    counts: Mapping[str, int],
    metrics: Metrics,
    health: Health,
    traces: Traces,
    numbers: Collection[int],
    count: int,
) -> Worker:
    """A worker for these partitions of `count`."""
    name = f"{settings.group_id}-{uuid4().hex[:16]}"
    topic = settings.topic_prefix + COMMANDS
    journal_topic = settings.topic_prefix + POSITIONS
    fetcher = Fetcher(partial(make_client, settings), topic, max_bytes=settings.max_fetch_bytes)
    publisher = make_publisher(settings, name)
    batch = limits_of(settings)
    beat = partial(health.beat, WORKER)
    partitions = make_partitions(settings, counts, numbers, count, batch, metrics)
    publishing = Publishing(publisher, journal=journal_topic, worker=name, metrics=metrics, traces=traces)
    return Worker(
        partitions,
        reading=Reading(
            fetcher, partitions, batch_commands=batch.batch_commands, metrics=metrics, traces=traces
        ),
        publisher=publisher,
        takeover=Takeover(
            topic=topic,
            worker=name,
            origin=Origin(cluster, settings.group_id, count, settings.partitioner),
            store=store,
            publisher=publisher,
            journal=Journal(partial(make_client, settings), journal_topic),
            log=fetcher,
            beat=beat,
        ),
        storing=Storing(
            store,
            policy=settings.policy,
            limits=batch,
            metrics=metrics,
            traces=traces,
            before_commit=publishing.open,
        ),
        publishing=publishing,
        batch_commands=batch.batch_commands,
        metrics=metrics,
        beat=beat,
        traces=traces,
    )


def make_partitions(
    settings: Settings,
    counts: Mapping[str, int],
    numbers: Iterable[int],
    count: int,
    limits: Limits,
    metrics: Metrics,
) -> dict[int, Partition]:
    """These partitions of `count`, before their first takeover; they share one cache."""
    budget = CacheBudget(settings.max_cache_bytes)
    return {
        number: Partition(
            number,
            encoder=Encoder(
                number,
                topic_prefix=settings.topic_prefix,
                counts=counts,
                state=settings.publish_state,
                compression=settings.compression,
            ),
            cache=ContractCache(budget),
            make_decoder=partial(make_decoder, settings, count),
            limits=limits,
            metrics=metrics,
        )
        for number in numbers
    }


def make_publisher(settings: Settings, worker: str) -> Publisher:
    """The unstarted publisher of this worker."""
    deadline = settings.transaction_timeout_ms / 1000
    return Publisher(partial(make_client, settings), worker, deadline=deadline)


def make_decoder(settings: Settings, partitions: int, base: int) -> Decoder:
    """Decodes the command topic; `base` is added to offsets."""
    return Decoder(
        partitions,
        home_of=HOMES[settings.partitioner],
        max_command_bytes=settings.max_command_bytes,
        base=base,
    )


def make_store(settings: Settings, client: Client) -> MongoStore:
    """The store of the settings' database."""
    return MongoStore(client, settings.mongo_database)


@asynccontextmanager
async def scanner(
    settings: Settings, client: Client, metrics: Metrics, *, beat: Callable[[], None] = lambda: None
) -> AsyncIterator[Scanner]:
    """A connected scanner.

    Raises:
        BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses access.
    """
    queries = make_queries(settings, client, read_preference="primary")
    lease = MongoLease(
        client,
        settings.mongo_database,
        LEASE,
        f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex[:12]}",
        seconds=settings.scan_interval_seconds + LEASE_MARGIN_SECONDS,
    )
    leaders = Leaders(partial(make_client, settings), settings.topic_prefix + COMMANDS)
    backlog = Backlog(leaders, queries)
    async with make_command_producer(settings, source=SOURCE) as producer:
        try:
            await backlog.start()
            yield Scanner(
                queries,
                producer,
                backlog,
                lease,
                metrics=metrics,
                max_waiting=settings.scan_max_waiting,
                beat=beat,
            )
        finally:
            await backlog.stop()


def history_pruner(settings: Settings, client: Client) -> HistoryPruner:
    """Prunes old history entries, if the settings say so."""
    return HistoryPruner(client, settings.mongo_database, settings.history_retention_days)


def expiring_gauge(settings: Settings, client: Client, metrics: Metrics) -> ExpiringGauge:
    """Counts for the metric `expiring`."""
    from consumer.reading.statistics import ContractStatistics  # noqa: PLC0415 - a worker alone has no use

    return ExpiringGauge(ContractStatistics(make_queries(settings, client)), metrics)
