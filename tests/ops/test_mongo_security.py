"""TLS, SCRAM, certificates and roles of MongoDB, on a server that goes by them.

It lets everybody end sessions, so the privilege `killAnySession` cannot be tried here.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pymongo import MongoClient

from consumer import bootstrap, clients
from consumer.api.auth import ACCESS
from consumer.api.serving import api_server
from consumer.api.tokens import new_token
from consumer.errors import StoreDenied, StoreUnavailable
from consumer.operator.doctor import Doctor, examine
from consumer.operator.findings import Finding
from consumer.settings import load_settings
from consumer.storage import indexes
from devstack.mongo import SecantusMongo
from devstack.server import Server
from tests.contract.storage.owner import Owner
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
    client = clients.open_mongo(settings)
    try:
        assert await bootstrap.make_store(settings, client).positions(["topic/0"]) == {}
    finally:
        client.close()


async def test_with_user_and_authority_it_works(locked: Server, certs: Path) -> None:
    await position(locked, certs)


@pytest.mark.parametrize("password", ["another", ""], ids=["wrong", "none"])
async def test_a_wrong_password_is_refused_and_not_told(locked: Server, certs: Path, password: str) -> None:
    with pytest.raises(StoreDenied, match="MongoDB refuses access") as denied:
        await position(locked, certs, password=password)
    assert not password or password not in str(denied.value)


async def test_an_authority_that_is_not_trusted_is_told(locked: Server, certs: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
        await position(locked, certs, trusted=False)


CLIENT = "CN=contracts"
DATABASE = "contracts"


def role(*names: str, database: str = DATABASE) -> list[dict[str, str]]:
    return [{"role": name, "db": database} for name in names]


ROLES = {
    "enough": role("readWrite", "dbAdmin"),
    "read-only": role("read"),
    "elsewhere": role("readWrite", "dbAdmin", database="other"),
}


@pytest.fixture(scope="module")
def by_rights(tmp_path_factory: pytest.TempPathFactory, certs: Path) -> Iterator[Server]:
    """Knows the client's certificate, and a user for each set of rights."""
    folder = tmp_path_factory.mktemp("rights")
    with SecantusMongo(folder) as open_server, MongoClient(open_server.uri) as client:
        client["$external"].command("createUser", CLIENT, roles=ROLES["enough"], mechanisms=["MONGODB-X509"])
        for name, roles in ROLES.items():
            client.admin.command("createUser", name, pwd=secure.PASSWORD, roles=roles)
    tls = ("--tls-cert-file", certs / "cert.pem", "--tls-key-file", certs / "key.pem")
    options = ("--auth", *tls, "--tls-ca-file", certs / "ca.pem")
    with Locked(folder, options=tuple(map(str, options))) as server:
        yield server


async def work(server: Server, certs: Path, user: str, more: str = "") -> None:
    """What the service does first: indexes, a claim, a batch."""
    tls = f"tls=true&tlsCAFile={certs / 'ca.pem'}"
    uri = f"mongodb://{user}127.0.0.1:{server.port}/?directConnection=true&{tls}"
    settings = load_settings(mongo_uri=uri + more, mongo_database=DATABASE, mongo_timeout_ms=5_000)
    client = clients.open_mongo(settings)
    try:
        await indexes.ensure(client[DATABASE])
        owner = await Owner(bootstrap.make_store(settings, client)).claim()
        await owner.commit()
    finally:
        client.close()


def certificate(file: Path) -> str:
    return f"&authMechanism=MONGODB-X509&tlsCertificateKeyFile={file}"


async def test_a_certificate_is_a_log_in(by_rights: Server, certs: Path) -> None:
    await work(by_rights, certs, "", certificate(certs / "client.pem"))


async def test_a_certificate_of_somebody_unknown_is_none(by_rights: Server, certs: Path) -> None:
    with pytest.raises(StoreDenied, match="MongoDB refuses access"):
        await work(by_rights, certs, "", certificate(certs / "server.pem"))


async def test_the_listed_roles_suffice(by_rights: Server, certs: Path) -> None:
    await work(by_rights, certs, f"enough:{secure.PASSWORD}@", "&authSource=admin")


@pytest.mark.parametrize("rights", ["read-only", "elsewhere"])
async def test_less_does_not(by_rights: Server, certs: Path, rights: str) -> None:
    with pytest.raises(StoreDenied, match="MongoDB refuses access") as denied:
        await work(by_rights, certs, f"{rights}:{secure.PASSWORD}@", "&authSource=admin")
    assert secure.PASSWORD not in str(denied.value)


PERIOD = {"from": "2026-01-01", "to": "2026-02-01"}


async def test_the_http_api_reads_with_the_role_read(by_rights: Server, certs: Path, tmp_path: Path) -> None:
    token, line = new_token("desk", "operator")
    (tmp_path / "tokens").write_text(line)
    user, tls = f"read-only:{secure.PASSWORD}@", f"tls=true&tlsCAFile={certs / 'ca.pem'}"
    uri = f"mongodb://{user}127.0.0.1:{by_rights.port}/?directConnection=true&authSource=admin&{tls}"
    api = {"api_port": 0, "api_tokens_path": str(tmp_path / "tokens")}
    settings = load_settings(mongo_uri=uri, mongo_database=DATABASE, mongo_timeout_ms=5_000, **api)
    async with api_server(settings) as server:
        serving = asyncio.create_task(server.serve())
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers) as client:
            for row in ACCESS:
                method, path = row.split(" ")
                if method == "GET":
                    asked = PERIOD if path.endswith("/movements") else None
                    answer = await client.get(path.replace("{", "").replace("}", ""), params=asked)
                    assert answer.status_code in {200, 404}, (path, answer.text)
            assert (await client.get("/readyz")).status_code == 200
        server.stop()
        await serving


def states_of(found: dict[str, Finding]) -> dict[str, str]:
    names = ("mongodb connection", "mongodb rights", "indexes")
    return {name: found[name].state.value for name in names}


async def examined(server: Server, certs: Path, user: str, password: str) -> dict[str, Finding]:
    tls = f"tls=true&tlsCAFile={certs / 'ca.pem'}"
    uri = f"mongodb://{user}:{password}@127.0.0.1:{server.port}/?directConnection=true&authSource=admin&{tls}"
    settings = load_settings(mongo_uri=uri, mongo_database=DATABASE, mongo_timeout_ms=5_000)
    async with Doctor(settings) as doctor:
        checks = [check for check in doctor.checks() if "mongodb" in check.name or check.name == "indexes"]
        return {found.check: found async for found in examine(checks)}


async def test_the_doctor_tells_a_wrong_password(by_rights: Server, certs: Path) -> None:
    found = await examined(by_rights, certs, "enough", "another")
    assert states_of(found) == {
        "mongodb connection": "failed",
        "mongodb rights": "not checked",
        "indexes": "not checked",
    }
    assert "MongoDB refuses access" in found["mongodb connection"].found
    assert "another" not in str(found)


async def test_the_doctor_tells_missing_roles(by_rights: Server, certs: Path) -> None:
    found = await examined(by_rights, certs, "read-only", secure.PASSWORD)
    assert states_of(found)["mongodb rights"] == "failed"
    assert f"update on {DATABASE}.contracts, remove on {DATABASE}.contracts" in found["mongodb rights"].found
    assert "find on" not in found["mongodb rights"].found
    assert "readWrite" in found["mongodb rights"].hint


async def test_the_doctor_says_what_this_server_does_not_tell(by_rights: Server, certs: Path) -> None:
    found = await examined(by_rights, certs, "enough", secure.PASSWORD)
    assert states_of(found)["mongodb rights"] == "warning"
    assert "insert" in found["mongodb rights"].found
