"""The API of the settings, on its own port."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from consumer.api.app import Dependencies, make_app
from consumer.api.log import KafkaLog, Progress
from consumer.api.tokens import TokenFile
from consumer.clients import make_queries, open_mongo
from consumer.errors import StartRefused
from consumer.reading.preview import ContractPreview
from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.storage.mongo_driver import close
from consumer.telemetry.health import Health
from consumer.telemetry.http import HttpServer
from producers.connect import make_command_producer
from schemas.partitioning import HOMES
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from consumer.settings import Settings

log = structlog.get_logger()


@asynccontextmanager
async def api_server(settings: Settings) -> AsyncIterator[HttpServer]:
    """A server that listens; `serve` it. MongoDB and Kafka are connected to by the first requests.

    Raises:
        StartRefused: there are no tokens, or the port is taken.
        InputRefused: the file of tokens cannot be used.
    """
    if settings.api_tokens_path is None:
        raise StartRefused(
            "the API has no tokens: nobody could use it",
            hint="name a file with CONTRACTS_API_TOKENS_PATH; `contracts tokens new` makes its lines",
        )
    tokens = TokenFile(Path(settings.api_tokens_path))
    client = open_mongo(settings)
    kafka = KafkaLog(make_command_producer(settings))
    queries = make_queries(settings, client, read_preference="primary")
    health = Health()

    async def mongo_answers() -> str | None:
        await client.admin.command("ping")
        return None

    health.add_check("mongodb", mongo_answers)
    given = Dependencies(
        reader=ContractReader(queries),
        statistics=ContractStatistics(queries, history_days=settings.history_retention_days),
        preview=ContractPreview(queries, settings.policy, max_command_bytes=settings.max_command_bytes),
        queries=queries,
        progress=Progress(
            queries,
            topic=settings.topic_prefix + COMMANDS,
            home_of=HOMES[settings.partitioner],
            patience=settings.api_max_wait_seconds,
        ),
        log=kafka,
        authenticators=[tokens],
        health=health,
        max_body_bytes=settings.max_command_bytes,
        max_wait_seconds=settings.api_max_wait_seconds,
        requests_per_second=settings.api_requests_per_second,
    )
    try:
        server = HttpServer(make_app(given), settings.api_host, settings.api_port)
        log.info("the API listens", url=server.url)
        yield server
    finally:
        await kafka.close()
        await close(client)


async def serve_api(settings: Settings) -> None:
    """Serves until it is cancelled."""
    async with api_server(settings) as server:
        await server.serve()


async def serve_until_told(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; answers that are under way end first."""
    async with api_server(settings) as server:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        await server.serve()
