"""Contracts on every database server that is here, made by the service's own fold, at any time."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.storage import indexes
from consumer.storage.mongo import MongoStore, connect
from consumer.storage.mongo_queries import MongoQueries
from devstack import stack
from devstack.mongo import find_secantus_rust
from producers.testkit import Testkit
from tests import servers as kinds
from tests.servers import Servers

DATABASES = ["given"] if kinds.GIVEN_MONGO else list(stack.DATABASES)


@pytest.fixture(params=DATABASES)
def mongo(request: pytest.FixtureRequest, servers: Servers) -> Any:
    """Each kind of MongoDB-compatible server in turn."""
    if request.param == "secantus-rs" and not find_secantus_rust():
        pytest.skip("secantus-rs is not built")
    return servers.mongo(request.param)


@pytest.fixture
async def client(mongo: Any) -> AsyncIterator[Any]:
    """A client of that server."""
    connected = connect(mongo.uri, timeout_ms=10_000, max_pool_size=10)
    yield connected
    connected.close()


@pytest.fixture
async def kit(client: Any, database: str) -> Testkit:
    """A service whose contracts are in the database."""
    await indexes.ensure(client[database])
    return Testkit(store=MongoStore(client, database))


@pytest.fixture
def queries(client: Any, database: str) -> MongoQueries:
    """Questions to that database."""
    return MongoQueries(client, database)


@pytest.fixture
def reader(kit: Testkit, queries: MongoQueries) -> ContractReader:
    """A reader that lives in the kit's time."""
    return ContractReader(queries, clock=lambda: kit.now)


@pytest.fixture
def statistics(kit: Testkit, queries: MongoQueries) -> ContractStatistics:
    """Statistics that live in the kit's time."""
    return ContractStatistics(queries, clock=lambda: kit.now)
