"""TLS and SCRAM towards MongoDB, on a server that demands both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from consumer import bootstrap
from consumer.errors import StoreDenied, StoreUnavailable
from consumer.settings import load_settings
from devstack.mongo import SecantusMongo
from devstack.server import Server
from tests.ops import secure


class Locked(SecantusMongo):
    """Answers only over TLS and to who logs in."""

    def _probe(self) -> None:
        """A port that listens is enough: the tests log in."""


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return secure.certificates(tmp_path_factory.mktemp("tls") / "certs")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, certs: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("locked")
    with SecantusMongo(folder) as open_server, MongoClient(open_server.uri) as client:
        client.admin.command("createUser", secure.USER, pwd=secure.PASSWORD, roles=["root"])
    tls = ("--tls-cert-file", str(certs / "cert.pem"), "--tls-key-file", str(certs / "key.pem"))
    with Locked(folder, options=("--auth", *tls)) as server:
        yield server


async def position(
    locked: Server, certs: Path, *, password: str = secure.PASSWORD, trusted: bool = True
) -> None:
    """One read of the store."""
    authority = f"&tlsCAFile={certs / 'ca.pem'}" if trusted else ""
    user = f"{secure.USER}:{password}@" if password else ""
    uri = f"mongodb://{user}127.0.0.1:{locked.port}/?directConnection=true&tls=true{authority}"
    settings = load_settings(mongo_uri=uri, mongo_timeout_ms=5_000)
    client = bootstrap.make_mongo(settings)
    try:
        assert await bootstrap.make_store(settings, client).position("topic/0") is None
    finally:
        client.close()


async def test_with_user_and_authority_it_works(locked: Server, certs: Path) -> None:
    await position(locked, certs)


@pytest.mark.parametrize("password", ["another", ""], ids=["wrong", "none"])
async def test_a_wrong_password_is_refused_and_not_told(locked: Server, certs: Path, password: str) -> None:
    with pytest.raises(StoreDenied, match="MongoDB refuses us") as denied:
        await position(locked, certs, password=password)
    assert not password or password not in str(denied.value)


async def test_an_authority_that_is_not_trusted_is_told(locked: Server, certs: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
        await position(locked, certs, trusted=False)
