"""Each store in turn: the one in memory, and MongoStore on every server that is here."""

import pytest
from hypothesis import HealthCheck, settings

from devstack.mongo import find_secantus_rust
from devstack.stack import DATABASES
from tests import servers as kinds
from tests.storage.backends import MemoryBackend, MongoBackend
from tests.storage.owner import Owner

# How long an example takes says more about the machine than about the code.
settings.register_profile("storage", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("storage")

KINDS = ["given"] if kinds.GIVEN_MONGO else list(DATABASES)


@pytest.fixture(params=KINDS)
def server(request, servers):
    """A database server; it may be killed or paused: the next test gets it mended."""
    if request.param == "secantus-rs" and not find_secantus_rust():
        pytest.skip("secantus-rs is not built")
    return servers.mongo(request.param)


@pytest.fixture(params=["memory", *KINDS])
async def backend(request, servers, database):
    """Any store."""
    if request.param == "memory":
        made = MemoryBackend()
    elif request.param == "secantus-rs" and not find_secantus_rust():
        pytest.skip("secantus-rs is not built")
    else:
        made = MongoBackend(servers.mongo(request.param).uri, database)
    await made.prepare()
    yield made
    made.close()


@pytest.fixture
async def mongo_backend(server, database):
    """A store on a server."""
    made = MongoBackend(server.uri, database)
    await made.prepare()
    yield made
    server.heal()
    made.close()


@pytest.fixture
async def owner(backend) -> Owner:
    """An owner that has claimed the partition, at its start."""
    return await Owner(backend.store()).claim()
