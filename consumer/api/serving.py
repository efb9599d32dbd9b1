"""Builds the HTTP API from the settings, and serves it on a separate port."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from consumer.api.app import Dependencies, make_app
from consumer.api.let_in import let_in, secure_cookies
from consumer.api.limits import PREVIEWS, Turns
from consumer.api.log import KafkaLog, Progress
from consumer.clients import make_hot, make_queries, open_mongo, opened_mongo
from consumer.operator.desk import Desk
from consumer.operator.templates import follow
from consumer.reading.lookup import ContractLookup
from consumer.reading.preview import ContractPreview
from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.storage.mongo_driver import close
from consumer.storage.mongo_lookups import MongoLookups
from consumer.telemetry.health import Health
from consumer.telemetry.http import HttpServer, http_app
from consumer.telemetry.metrics import Metrics
from producers.connect import make_command_producer
from schemas.partitioning import HOMES
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from consumer.settings import Settings

log = structlog.get_logger()


@asynccontextmanager
async def api_server(
    settings: Settings, metrics: Metrics | None = None, health: Health | None = None
) -> AsyncIterator[HttpServer]:
    """A server that listens; call `serve`. The first requests connect to MongoDB and Kafka.

    Args:
        settings: validated.
        metrics: of this process, where its requests are counted.
        health: of this server.

    Raises:
        StartRefused: there are no tokens, or the port is taken.
        InputRefused: the token file cannot be used.
    """
    metrics = metrics or Metrics()
    authenticators, console_client = let_in(settings, metrics.api)
    client = open_mongo(settings)
    kafka = KafkaLog(make_command_producer(settings))
    queries = make_queries(settings, client, read_preference="primary")
    health = health or Health()

    async def mongo_answers() -> str | None:
        await client.admin.command("ping")
        return None

    health.add_check("mongodb", mongo_answers)
    hot = make_hot(settings, metrics.cache_read)
    reader = ContractReader(queries, hot=hot)
    given = Dependencies(
        reader=reader,
        lookup=ContractLookup(reader, MongoLookups(client, settings.mongo_database)),
        statistics=ContractStatistics(queries, history_days=settings.history_retention_days),
        preview=ContractPreview(
            queries,
            settings.policy,
            max_command_bytes=settings.max_command_bytes,
            turn=Turns(PREVIEWS).turn,
        ),
        progress=Progress(
            queries,
            topic=settings.topic_prefix + COMMANDS,
            home_of=HOMES[settings.partitioner],
            patience=settings.api_max_wait_seconds,
        ),
        log=kafka,
        desk=Desk(settings, client),
        authenticators=authenticators,
        client=console_client,
        secure_cookies=secure_cookies(settings),
        health=health,
        metrics=metrics.api,
        max_body_bytes=settings.max_command_bytes,
        max_wait_seconds=settings.api_max_wait_seconds,
        requests_per_second=settings.api_requests_per_second,
    )
    try:
        server = HttpServer(
            make_app(given),
            settings.api_host,
            settings.api_port,
            "CONTRACTS_API_",
            most=settings.api_max_connections,
        )
        log.info("the API listens", url=server.url)
        yield server
    finally:
        await kafka.close()
        await close(client)
        if hot is not None:
            await hot.close()


async def serve_api(settings: Settings, metrics: Metrics) -> None:
    """Serves until it is cancelled."""
    async with api_server(settings, metrics) as server:
        await server.serve()


async def serve_until_stopped(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; requests that are being answered finish first.

    Metrics and health checks are at the same address as in other processes of the service.

    Raises:
        TemplatesRefused: previews would show other templates than those by which the service decides.
    """
    metrics, health = Metrics(), Health()
    token = settings.http_bearer_token
    async with opened_mongo(settings) as client, api_server(settings, metrics, health) as server:
        watched = http_app(metrics, health, bearer_token=token.get_secret_value() if token else None)
        beside = HttpServer(watched, settings.http_host, settings.http_port)
        log.info("listening", url=beside.url)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        serving = asyncio.create_task(beside.serve(), name="http")
        following = asyncio.create_task(follow(client[settings.mongo_database], settings), name="templates")
        following.add_done_callback(lambda _: server.stop())
        try:
            await server.serve()
        finally:
            beside.stop()
            await serving
            following.cancel()
        with suppress(asyncio.CancelledError):
            await following
