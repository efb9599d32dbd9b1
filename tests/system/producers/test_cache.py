"""The cache in front of a running service: filled by reading, kept current from the topic of states."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from pydantic import SecretStr

from consumer.clients import contract_manager, contract_reader, make_hot
from consumer.reading.hot_states import follow_states
from producers.connect import make_command_producer
from tests import servers as kinds
from tests.contract.reading.redis_server import RedisServer
from tests.running import Running, running, settings_for, until
from tests.servers import Servers

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(servers: Servers, kafka_kind: str, redis_server: RedisServer) -> AsyncIterator[Running]:
    """A service with a cache whose entries outlast the test: only the topic of states makes them newer."""
    mongo = servers.mongo(kinds.mongo_kind())
    settings = settings_for(servers.kafka(kafka_kind), mongo, f"cache_{kafka_kind}")
    cache = {"cache_url": SecretStr(redis_server.url), "cache_max_age_seconds": 120}
    async with running(settings.model_copy(update=cache)) as started:
        hot = make_hot(started.settings)
        assert hot is not None
        following = asyncio.create_task(follow_states(started.settings, hot))
        yield started
        following.cancel()
        await asyncio.wait([following])


async def test_it_follows_the_contracts(service: Running, test_id: str) -> None:
    sources: list[str] = []
    async with (
        contract_reader(service.settings, lambda source, _: sources.append(source)) as reader,
        make_command_producer(service.settings) as commands,
    ):
        await commands.awaiting().create(test_id, contract_type="basic")
        assert (await reader.by_account(test_id) or {})["version"] == 1
        await commands.awaiting().update(test_id, changes={"notes": "new"})

        async def newer() -> bool:
            found = await reader.by_account(test_id)
            return found is not None and found["version"] == 2

        await until(newer)
        assert sources == ["database"] + ["cache"] * (len(sources) - 1)
        await commands.awaiting().delete(test_id)

        async def gone() -> bool:
            return await reader.by_account(test_id) is None

        await until(gone)


async def test_the_platforms_manager_reads_from_it(service: Running, test_id: str) -> None:
    async with contract_manager(service.settings) as manager, contract_reader(service.settings) as reader:
        await manager.create_contract({"account_id": test_id, "contract_type": "basic"})
        first = await manager.get_contract_by_account_id(test_id)
        assert await manager.get_contract_by_account_id(test_id) == first
        assert first is not None
        assert (await reader.by_account(test_id) or {})["contract_id"] == first["contract_id"]
