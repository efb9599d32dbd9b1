"""The composition root of programs beside the service: what publishes commands and reads contracts."""

from __future__ import annotations

import os
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from consumer.bootstrap import make_mongo
from consumer.engine.homes import HOMES
from consumer.kafka.connection import kafka_options
from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.storage.leases import MongoLease
from consumer.storage.mongo_queries import MongoQueries
from consumer.storage.pruning import HistoryPruner
from producers.async_manager import AsyncContractManager
from producers.backlog import Backlog
from producers.commands import CommandProducer
from producers.gauges import ExpiringGauge
from producers.results import ResultListener
from producers.scanner import LEASE, LEASE_MARGIN_SECONDS, SOURCE, Scanner
from schemas.topics import COMMAND_RESULTS, COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from consumer.metrics import Metrics
    from consumer.settings import Settings
    from consumer.storage.mongo import Client

BATCH_BYTES: Final = 128 * 1024
"""What a command producer collects for a partition while the request before is under way."""

RESULT_WAIT_MS: Final = 100
"""A partition that comes into use waits this long for the fetch of the others to return."""


def make_command_producer(settings: Settings, *, source: str | None = None) -> CommandProducer:
    """An unconnected producer of commands: use it as a context manager.

    Args:
        settings: validated.
        source: `ce_source` of its commands; default: of the settings.
    """

    def make_producer() -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **kafka_options(settings),
            enable_idempotence=True,
            acks="all",
            compression_type=None if settings.compression == "none" else settings.compression,
            max_batch_size=BATCH_BYTES,
        )

    return CommandProducer(
        make_producer,
        make_result_listener(settings),
        topic=settings.topic_prefix + COMMANDS,
        source=source or settings.command_source,
        home_of=HOMES[settings.partitioner],
        address=settings.kafka_bootstrap_servers,
        send_seconds=settings.kafka_request_timeout_ms / 1000,
        result_seconds=settings.result_timeout_seconds,
        max_bytes=settings.max_command_bytes,
    )


def make_result_listener(settings: Settings) -> ResultListener:
    """Reads results of commands once somebody waits for one."""

    def make_consumer() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **kafka_options(settings),
            group_id=None,
            auto_offset_reset="latest",
            isolation_level="read_committed",
            fetch_max_wait_ms=RESULT_WAIT_MS,
        )

    topic = settings.topic_prefix + COMMAND_RESULTS
    return ResultListener(make_consumer, topic, settings.kafka_bootstrap_servers)


def make_queries(settings: Settings, client: Client, *, read_preference: str | None = None) -> MongoQueries:
    """Questions to the settings' database."""
    preference = read_preference or settings.mongo_read_preference
    return MongoQueries(client, settings.mongo_database, preference)


@contextmanager
def contract_reader(settings: Settings) -> Iterator[ContractReader]:
    """A reader with a client of its own, which connects when it is first asked."""
    client = make_mongo(settings)
    try:
        yield ContractReader(make_queries(settings, client))
    finally:
        client.close()


@contextmanager
def contract_statistics(settings: Settings) -> Iterator[ContractStatistics]:
    """Statistics with a client of their own, which connects when it is first asked."""
    client = make_mongo(settings)
    try:
        queries = make_queries(settings, client)
        yield ContractStatistics(queries, history_days=settings.history_retention_days)
    finally:
        client.close()


@asynccontextmanager
async def contract_manager(settings: Settings) -> AsyncIterator[AsyncContractManager]:
    """The platform's contract API, to be awaited. It connects when it is first used."""
    with contract_reader(settings) as reader:
        manager = AsyncContractManager(reader, make_command_producer(settings))
        try:
            yield manager
        finally:
            await manager.close()


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
