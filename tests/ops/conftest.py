"""One watched service for the tests that ask Prometheus."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests import servers as kinds
from tests.ops.watched import Watched, missing_prometheus, watched_service
from tests.servers import Servers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(
    servers: Servers, kafka_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Watched]:
    """A service at work and the Prometheus that scrapes it."""
    if reason := missing_prometheus():
        pytest.skip(f"NOT TESTED ON PROMETHEUS: {reason}")
    kafka = servers.kafka(kafka_kind)
    mongo = servers.mongo(kinds.mongo_kind())
    folder = tmp_path_factory.mktemp("prometheus")
    async with watched_service(kafka, mongo, folder) as found:
        yield found
