"""One running service for all tests of a file: each test has accounts of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from producers.commands import CommandProducer
from producers.connect import make_command_producer
from tests import servers as kinds
from tests.running import Running, running, settings_for
from tests.servers import Servers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(
    servers: Servers, kafka_kind: str, request: pytest.FixtureRequest
) -> AsyncIterator[Running]:
    """The service, with a database and topics of its own."""
    name = f"{request.module.__name__.rpartition('.')[2]}_{kafka_kind}"
    mongo = servers.mongo(kinds.mongo_kind())
    async with running(settings_for(servers.kafka(kafka_kind), mongo, name)) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def commands(service: Running) -> AsyncIterator[CommandProducer]:
    """A producer of commands for that service."""
    async with make_command_producer(service.settings) as producer:
        yield producer


@pytest.fixture
def account(test_id: str) -> str:
    """An account of the test's own."""
    return f"account-{test_id}"
