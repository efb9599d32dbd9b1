"""The composition root of programs beside the service: what reads contracts, and the platform's manager."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.storage.mongo import connect
from consumer.storage.mongo_queries import MongoQueries
from producers.async_manager import AsyncContractManager
from producers.connect import make_command_producer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from consumer.settings import Settings
    from consumer.storage.mongo import Client


def open_mongo(settings: Settings, report: Callable[[str, str, float], None] | None = None) -> Client:
    """A client of the database; it connects when it is first used, and tells `report` of each operation."""
    return connect(
        settings.mongo_uri.get_secret_value(),
        timeout_ms=settings.mongo_timeout_ms,
        max_pool_size=settings.mongo_max_pool_size,
        report=report,
    )


def make_queries(settings: Settings, client: Client, *, read_preference: str | None = None) -> MongoQueries:
    """Questions to the settings' database."""
    preference = read_preference or settings.mongo_read_preference
    return MongoQueries(client, settings.mongo_database, preference)


@contextmanager
def contract_reader(settings: Settings) -> Iterator[ContractReader]:
    """A reader with a client of its own, which connects when it is first asked."""
    client = open_mongo(settings)
    try:
        yield ContractReader(make_queries(settings, client))
    finally:
        client.close()


@contextmanager
def contract_statistics(settings: Settings) -> Iterator[ContractStatistics]:
    """Statistics with a client of their own, which connects when it is first asked."""
    client = open_mongo(settings)
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
