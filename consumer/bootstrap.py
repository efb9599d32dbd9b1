"""The composition root of the service: its engine, and what works beside it.

What programs of other teams open is in clients.py, which the service uses, too.
"""

from __future__ import annotations

import os
import socket
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from consumer.clients import make_queries, open_mongo
from consumer.domain.commands.advance import SOURCE
from consumer.engine.cache import CacheBudget, ContractCache
from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.engine.partition import Limits, Partition
from consumer.engine.publishing import Publishing
from consumer.engine.reading import Reading
from consumer.engine.storing import Storing
from consumer.engine.takeover import Takeover
from consumer.engine.worker import Worker
from consumer.engine.workers import WORKER, Workers
from consumer.kafka.cluster import make_client
from consumer.kafka.connection import kafka_options
from consumer.kafka.fetcher import Fetcher
from consumer.kafka.journal import Journal
from consumer.kafka.membership import Membership
from consumer.kafka.publisher import Publisher
from consumer.reading.statistics import ContractStatistics
from consumer.storage.leases import MongoLease
from consumer.storage.mongo import MongoStore
from consumer.storage.mongo_driver import close
from consumer.storage.protocols import Origin
from consumer.storage.pruning import HistoryPruner
from producers.backlog import Backlog
from producers.connect import make_command_producer
from producers.gauges import ExpiringGauge
from producers.scanner import LEASE, LEASE_MARGIN_SECONDS, Scanner
from schemas.partitioning import HOMES
from schemas.topics import COMMANDS, POSITIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

    from consumer.settings import Settings
    from consumer.storage.mongo_driver import Client
    from consumer.storage.protocols import Store
    from consumer.telemetry.health import Health
    from consumer.telemetry.metrics import Metrics

DRAIN_SHARE: Final = 0.5
"""Of the rebalance timeout: the rest is for joining again."""


def make_mongo(settings: Settings, metrics: Metrics | None = None) -> Client:
    """A client of the database; it connects when it is first used, and counts its operations in `metrics`."""
    return open_mongo(settings, metrics.mongo_operation if metrics else None)


@asynccontextmanager
async def opened_mongo(settings: Settings, metrics: Metrics | None = None) -> AsyncIterator[Client]:
    """As `make_mongo`, and closed at the end."""
    client = make_mongo(settings, metrics)
    try:
        yield client
    finally:
        await close(client)


def make_consumer(settings: Settings) -> AIOKafkaConsumer:
    """An unstarted member of the service's group. It fetches nothing; each partition has its feed."""
    return AIOKafkaConsumer(
        **kafka_options(settings),
        group_id=settings.group_id,
        group_instance_id=settings.group_instance_id,
        auto_offset_reset="none",
        enable_auto_commit=False,
        isolation_level="read_committed",
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.heartbeat_interval_ms,
        max_poll_interval_ms=settings.max_poll_interval_ms,
        rebalance_timeout_ms=settings.rebalance_timeout_ms,
    )


def limits(settings: Settings) -> Limits:
    """The settings that bound a batch."""
    return Limits(
        batch_commands=settings.max_batch_commands,
        batch_output_bytes=settings.max_batch_bytes,
        dead_letter_share=settings.dead_letter_limit_share,
        dead_letter_count=settings.dead_letter_limit_count,
        dead_letter_window=settings.dead_letter_limit_window,
        dead_letter_limit_off=settings.dead_letter_limit_off,
    )


def make_membership(
    settings: Settings,
    store: Store,
    cluster: str,
    counts: Mapping[str, int],
    *,
    metrics: Metrics,
    health: Health,
) -> tuple[Membership, Workers]:
    """The engine of this process, ready to run, and what tells of its condition.

    `counts`: how many partitions each output topic has in this cluster, by its name with the prefix.
    """
    workers = Workers(
        partial(make_worker, settings, store, cluster, counts, metrics, health), health, metrics
    )
    membership = Membership(
        make_consumer(settings),
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
    numbers: Collection[int],
    count: int,
) -> Worker:
    """A worker for these partitions of `count`."""
    name = f"{settings.group_id}-{uuid4().hex[:16]}"
    topic = settings.topic_prefix + COMMANDS
    journal_topic = settings.topic_prefix + POSITIONS
    fetcher = Fetcher(partial(make_client, settings), topic, max_bytes=settings.max_fetch_bytes)
    publisher = make_publisher(settings, name)
    batch = limits(settings)
    budget = CacheBudget(settings.max_cache_bytes)
    partitions = {
        number: Partition(
            number,
            encoder=Encoder(number, topic_prefix=settings.topic_prefix, counts=counts),
            cache=ContractCache(budget),
            make_decoder=partial(make_decoder, settings, count),
            limits=batch,
            compression=settings.compression,
            metrics=metrics,
        )
        for number in numbers
    }
    return Worker(
        partitions,
        reading=Reading(fetcher, partitions, batch_commands=batch.batch_commands, metrics=metrics),
        publisher=publisher,
        takeover=Takeover(
            topic=topic,
            worker=name,
            origin=Origin(cluster, settings.group_id, count, settings.partitioner),
            store=store,
            publisher=publisher,
            journal=Journal(partial(make_client, settings), journal_topic),
            log=fetcher,
        ),
        storing=Storing(store, policy=settings.policy, limits=batch, metrics=metrics),
        publishing=Publishing(publisher, journal=journal_topic, worker=name, metrics=metrics),
        batch_commands=batch.batch_commands,
        metrics=metrics,
        beat=partial(health.beat, WORKER),
    )


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
        BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses us.
    """
    queries = make_queries(settings, client, read_preference="primary")
    lease = MongoLease(
        client,
        settings.mongo_database,
        LEASE,
        f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex[:12]}",
        seconds=settings.scan_interval_seconds + LEASE_MARGIN_SECONDS,
    )
    backlog = Backlog(
        lambda: AIOKafkaConsumer(**kafka_options(settings), isolation_level="read_committed"),
        queries,
        topic=settings.topic_prefix + COMMANDS,
        address=settings.kafka_bootstrap_servers,
    )
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
    """Strips old history, if the settings say so."""
    return HistoryPruner(client, settings.mongo_database, settings.history_retention_days)


def expiring_gauge(settings: Settings, client: Client, metrics: Metrics) -> ExpiringGauge:
    """Counts for the metric `expiring`."""
    return ExpiringGauge(ContractStatistics(make_queries(settings, client)), metrics)
