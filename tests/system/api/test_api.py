"""The API on its own port, over a running service: a command in, its contract out."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from consumer.api.serving import api_server
from consumer.api.tokens import new_token
from consumer.errors import StartRefused
from tests import servers as kinds
from tests.running import Running, running, settings_for
from tests.servers import Servers

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]

WAIT = {"Prefer": "wait=30"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(
    servers: Servers, kafka_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Running, str]]:
    """A service, and the token of its API's file."""
    token, line = new_token("desk", "operator", personal=True)
    file = tmp_path_factory.mktemp("api") / "tokens"
    file.write_text(line)
    mongo = servers.mongo(kinds.mongo_kind())
    options = {"api_tokens_path": str(file), "api_port": 0}
    settings = settings_for(servers.kafka(kafka_kind), mongo, f"api_{kafka_kind}", **options)
    async with running(settings) as started:
        yield started, token


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(service: tuple[Running, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API, over a socket."""
    started, token = service
    async with api_server(started.settings) as server:
        serving = asyncio.create_task(server.serve())
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
            yield client
        server.stop()
        await asyncio.wait_for(serving, 10)


async def test_a_command_goes_through_the_log_and_can_be_read_at_once(
    http: httpx.AsyncClient, test_id: str
) -> None:
    path = f"/v1/accounts/{test_id}"
    made = await http.post(f"{path}/commands/create", json={"contract_type": "basic"}, headers=WAIT)
    assert made.status_code == 200, made.text
    read = await http.get(f"{path}/contract")
    assert (read.json()["version"], read.json()["created_by"]) == (1, "desk")
    sent = await http.post(f"{path}/commands/update", json={"changes": {"notes": "x"}})
    assert sent.status_code == 202
    at_least = {"Contracts-At-Least": sent.headers["contracts-position"]}
    read = await http.get(f"{path}/contract", headers=at_least)
    assert (read.json()["version"], read.json()["notes"]) == (2, "x")
    partition, offset = read.headers["contracts-position"].split("/")
    wanted_partition, wanted_offset = at_least["Contracts-At-Least"].split("/")
    assert partition == wanted_partition
    assert int(offset) >= int(wanted_offset)


async def test_probes_and_strangers(http: httpx.AsyncClient) -> None:
    assert (await http.get("/readyz", headers={"authorization": ""})).json() == {"status": "ok"}
    assert (await http.get("/v1/contracts/c", headers={"authorization": "Bearer x"})).status_code == 401


async def test_without_tokens_the_api_does_not_start(service: tuple[Running, str], tmp_path: Path) -> None:
    settings = service[0].settings.model_copy(update={"api_tokens_path": None})
    with pytest.raises(StartRefused, match="neither a token file"):
        async with api_server(settings):
            pass
