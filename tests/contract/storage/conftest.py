"""Each store in turn: the one in memory, and MongoStore with either driver on every server that is here."""

from typing import get_args

import pytest

from consumer.storage.mongo_driver import Driver
from devstack.mongo import find_secantus_rust
from devstack.stack import DATABASES
from tests import servers as kinds
from tests.contract.storage.backends import MemoryBackend, MongoBackend
from tests.contract.storage.interrupted import TIMEOUT_MS
from tests.contract.storage.owner import Owner

KINDS = ["given"] if kinds.GIVEN_MONGO else list(DATABASES)
DRIVERS = get_args(Driver)


def started(servers, kind):
    if kind == "secantus-rs" and not find_secantus_rust():
        pytest.skip("secantus-rs is not built")
    return servers.mongo(kind)


@pytest.fixture(params=KINDS)
def server(request, servers):
    """A database server; it may be killed or paused: the next test gets it mended."""
    return started(servers, request.param)


@pytest.fixture(params=DRIVERS)
def driver(request):
    """Whose client the store has."""
    return request.param


@pytest.fixture(params=["memory", *(f"{kind} {driver}" for kind in KINDS for driver in DRIVERS)])
async def backend(request, servers, database):
    """Any store."""
    kind, _, driver = request.param.partition(" ")
    made = MongoBackend(started(servers, kind).uri, database, driver) if driver else MemoryBackend()
    await made.prepare()
    yield made
    await made.close()


@pytest.fixture
async def mongo_backend(server, driver, database):
    """A store on a server."""
    made = MongoBackend(server.uri, database, driver)
    await made.prepare()
    yield made
    server.heal()
    await made.close()


@pytest.fixture
async def owner(backend) -> Owner:
    """An owner that has claimed the partition, at its start."""
    return await Owner(backend.store()).claim()


@pytest.fixture
async def near(server, driver, database):
    """A store with a short deadline, straight to the server."""
    backend = MongoBackend(server.uri, database, driver)
    await backend.prepare()
    backend.timeout_ms = TIMEOUT_MS
    yield backend
    server.heal()
    await backend.close()
