from collections.abc import Iterator

import pytest

from devstack.mongo import SecantusMongo, SecantusRust, find_secantus_rust
from devstack.server import Server
from devstack.stack import BROKERS, DATABASES
from tests import servers as kinds
from tests.conftest import available


def needs(kind: str) -> None:
    missing = kinds.missing_for(kind)
    if missing and kinds.REAL_REQUIRED:
        pytest.fail(f"required in CI: {missing}")
    if missing or (kind == "secantus-rs" and not find_secantus_rust()):
        pytest.skip(f"{kind}: {missing or 'not built'}")


@pytest.fixture(scope="session", params=kinds.broker_kinds())
def kafka_kind(request) -> str:
    return available(request.param)


@pytest.fixture(scope="module", params=[*BROKERS, *DATABASES])
def own(request, tmp_path_factory) -> Iterator[Server]:
    """A server of each kind, for this module alone."""
    needs(request.param)
    with {**BROKERS, **DATABASES}[request.param](tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture
def server(own: Server) -> Server:
    own.heal()
    return own


@pytest.fixture(scope="module", params=[SecantusMongo, SecantusRust], ids=lambda cls: cls.kind)
def own_mongo(request, tmp_path_factory):
    needs(request.param.kind)
    with request.param(tmp_path_factory.mktemp("mongo")) as server:
        yield server


@pytest.fixture
def database_server(own_mongo):
    own_mongo.heal()
    return own_mongo
