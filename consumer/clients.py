"""The composition root of programs beside the service: what reads contracts, and the platform's manager."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from consumer.reading.preview import ContractPreview
from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.storage.mongo import connect
from consumer.storage.mongo_driver import close, close_soon
from consumer.storage.mongo_queries import MongoQueries
from producers.async_manager import AsyncContractManager
from producers.connect import make_command_producer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from consumer.settings import Settings
    from consumer.storage.mongo_driver import Client

Reads = TypeVar("Reads")


def open_mongo(settings: Settings, report: Callable[[str, str, float], None] | None = None) -> Client:
    """A client of the database; it connects when it is first used, and tells `report` of each operation."""
    return connect(
        settings.mongo_uri.get_secret_value(),
        timeout_ms=settings.mongo_timeout_ms,
        max_pool_size=settings.mongo_max_pool_size,
        driver=settings.mongo_driver,
        report=report,
    )


def make_queries(settings: Settings, client: Client, *, read_preference: str | None = None) -> MongoQueries:
    """Questions to the settings' database."""
    preference = read_preference or settings.mongo_read_preference
    return MongoQueries(client, settings.mongo_database, preference)


class Opened(Generic[Reads]):
    """What reads over a client of its own, until the end of `async with`.

    `with` does the same where `async with` cannot stand; PyMongo's client then ends its connections while
    the event loop goes on.
    """

    def __init__(self, client: Client, reads: Reads) -> None:
        self._client = client
        self._reads = reads

    def __enter__(self) -> Reads:
        return self._reads

    def __exit__(self, *_: object) -> None:
        close_soon(self._client)

    async def __aenter__(self) -> Reads:
        return self._reads

    async def __aexit__(self, *_: object) -> None:
        await close(self._client)


def contract_reader(settings: Settings) -> Opened[ContractReader]:
    """A reader with a client of its own, which connects when it is first asked: use it in `async with`."""
    client = open_mongo(settings)
    return Opened(client, ContractReader(make_queries(settings, client)))


def contract_preview(settings: Settings) -> Opened[ContractPreview]:
    """Previews with a client of their own, which connects when it is first asked: as `contract_reader`.

    The settings are to be the service's: a new contract copies its windows and notices from there.
    """
    client = open_mongo(settings)
    queries = make_queries(settings, client)
    limit = settings.max_command_bytes
    return Opened(client, ContractPreview(queries, settings.policy, max_command_bytes=limit))


def contract_statistics(settings: Settings) -> Opened[ContractStatistics]:
    """Statistics with a client of their own, which connects when it is first asked: as `contract_reader`."""
    client = open_mongo(settings)
    queries = make_queries(settings, client)
    return Opened(client, ContractStatistics(queries, history_days=settings.history_retention_days))


@asynccontextmanager
async def contract_manager(settings: Settings) -> AsyncIterator[AsyncContractManager]:
    """The platform's contract API, to be awaited. It connects when it is first used."""
    async with contract_reader(settings) as reader:
        manager = AsyncContractManager(reader, make_command_producer(settings))
        try:
            yield manager
        finally:
            await manager.close()
