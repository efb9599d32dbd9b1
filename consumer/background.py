"""The composition root of the work beside the pipeline: scanning, pruning history, counting what expires."""

from __future__ import annotations

import os
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from consumer.clients import make_queries
from consumer.domain.commands.advance import SOURCE
from consumer.kafka.connection import kafka_options
from consumer.reading.statistics import ContractStatistics
from consumer.storage.leases import MongoLease
from consumer.storage.pruning import HistoryPruner
from producers.backlog import Backlog
from producers.connect import make_command_producer
from producers.gauges import ExpiringGauge
from producers.scanner import LEASE, LEASE_MARGIN_SECONDS, Scanner
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from consumer.settings import Settings
    from consumer.storage.mongo_driver import Client
    from consumer.telemetry.metrics import Metrics


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
