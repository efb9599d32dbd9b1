"""The part of the composition root (bootstrap.py) that other programs use: readers, and the manager."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from consumer.errors import StartRefused
from consumer.storage.mongo import connect
from consumer.storage.mongo_driver import close, close_soon
from consumer.storage.mongo_queries import MongoQueries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from consumer.reading.hot import HotContracts, Source
    from consumer.reading.preview import ContractPreview
    from consumer.reading.reader import ContractReader
    from consumer.reading.statistics import ContractStatistics
    from consumer.settings import Settings
    from consumer.storage.mongo_driver import Client
    from producers.async_manager import AsyncContractManager

Reads = TypeVar("Reads")


def open_mongo(settings: Settings, report: Callable[[str, str, float], None] | None = None) -> Client:
    """A client of the database; it connects when it is first used, and calls `report` for each operation."""
    return connect(
        settings.mongo_uri.get_secret_value(),
        timeout_ms=settings.mongo_timeout_ms,
        max_pool_size=settings.mongo_max_pool_size,
        driver=settings.mongo_driver,
        report=report,
    )


@asynccontextmanager
async def opened_mongo(
    settings: Settings, report: Callable[[str, str, float], None] | None = None
) -> AsyncIterator[Client]:
    """As `open_mongo`, and closed at the end."""
    client = open_mongo(settings, report)
    try:
        yield client
    finally:
        await close(client)


def make_queries(settings: Settings, client: Client, *, read_preference: str | None = None) -> MongoQueries:
    """The queries on the settings' database."""
    preference = read_preference or settings.mongo_read_preference
    return MongoQueries(client, settings.mongo_database, preference)


class Opened(Generic[Reads]):
    """An object with its own client, which is closed at the end of `async with`.

    `with` does the same where `async with` cannot be used; PyMongo's client then closes its connections
    while the event loop runs on.
    """

    def __init__(self, client: Client, reads: Reads, hot: HotContracts | None = None) -> None:
        self._client = client
        self._hot = hot
        self._reads = reads

    def __enter__(self) -> Reads:
        return self._reads

    def __exit__(self, *_: object) -> None:
        close_soon(self._client)

    async def __aenter__(self) -> Reads:
        return self._reads

    async def __aexit__(self, *_: object) -> None:
        await close(self._client)
        if self._hot is not None:
            await self._hot.close()


def make_hot(
    settings: Settings, report: Callable[[Source, float], None] = lambda _source, _seconds: None
) -> HotContracts | None:
    """The cache of the settings; None: there is none.

    Raises:
        StartRefused: its library is not installed, or the address is none.
    """
    if not settings.cache_url:
        return None
    from consumer.reading.hot import HotContracts

    try:
        from redis.asyncio import Redis
    except ImportError as error:
        raise StartRefused(
            "CONTRACTS_CACHE_URL needs the library of Redis", hint="pip install 'contract-service[cache]'"
        ) from error
    prefix = f"{settings.topic_prefix}{settings.mongo_database}:"
    try:
        redis = Redis.from_url(settings.cache_url.get_secret_value())
    except ValueError as error:
        raise StartRefused(
            f"CONTRACTS_CACHE_URL: {error}", hint="for instance redis://host:6379/0, or rediss:// with TLS"
        ) from error
    return HotContracts(redis, prefix=prefix, max_age=settings.cache_max_age_seconds, report=report)


def contract_reader(
    settings: Settings, report: Callable[[Source, float], None] = lambda _source, _seconds: None
) -> Opened[ContractReader]:
    """A reader with clients of its own, which connect when they are first asked: use it in `async with`.

    `report` gets where each answer by account came from, and the seconds it took, if there is a cache.
    """
    from consumer.reading.reader import ContractReader

    client, hot = open_mongo(settings), make_hot(settings, report)
    preference = "primary" if hot else None
    reader = ContractReader(make_queries(settings, client, read_preference=preference), hot=hot)
    return Opened(client, reader, hot)


def contract_preview(settings: Settings) -> Opened[ContractPreview]:
    """Previews with their own client, which connects at the first query: use them in `async with`.

    Use the settings of the service: a new contract copies its windows and notices from them.
    """
    from consumer.reading.preview import ContractPreview

    client = open_mongo(settings)
    queries = make_queries(settings, client)
    limit = settings.max_command_bytes
    return Opened(client, ContractPreview(queries, settings.policy, max_command_bytes=limit))


def contract_statistics(settings: Settings) -> Opened[ContractStatistics]:
    """Statistics with their own client, which connects at the first query: use them in `async with`."""
    from consumer.reading.statistics import ContractStatistics

    client = open_mongo(settings)
    queries = make_queries(settings, client)
    return Opened(client, ContractStatistics(queries, history_days=settings.history_retention_days))


@asynccontextmanager
async def contract_manager(settings: Settings) -> AsyncIterator[AsyncContractManager]:
    """The contract API of the platform, with `await`. It connects when it is first used."""
    from producers.async_manager import AsyncContractManager
    from producers.connect import make_command_producer

    async with contract_reader(settings) as reader:
        manager = AsyncContractManager(reader, make_command_producer(settings))
        try:
            yield manager
        finally:
            await manager.close()
