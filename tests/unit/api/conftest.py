"""The API in memory, asked over ASGI."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from consumer.api.app import Dependencies, make_app
from consumer.api.log import Progress
from consumer.api.tokens import TokenFile, new_token
from consumer.domain.model import Policy
from consumer.reading.lookup import ContractLookup
from consumer.reading.preview import ContractPreview
from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.storage.memory import MemoryStore
from consumer.telemetry.health import Health
from consumer.telemetry.metrics import Metrics
from producers.testkit import Testkit
from schemas.partitioning import murmur2_home
from schemas.topics import COMMANDS
from tests.unit.api.desk import MemoryDesk
from tests.unit.api.memory import MemoryLog, MemoryLookups, MemoryQueries

CALLERS = {
    "reader": ("reader", False),
    "publisher": ("publisher", False),
    "operator": ("operator", False),
    "privy": ("operator", True),
}


@dataclass
class Api:
    """An API, what stands behind it, and clients with each of its tokens."""

    kit: Testkit
    log: MemoryLog
    queries: MemoryQueries
    desk: MemoryDesk
    progress: Progress
    app: object
    tokens: dict[str, str]
    metrics: Metrics

    def client(self, name: str | None) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.tokens[name]}"} if name else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers)


def made_api(folder: Path, **options) -> Api:
    """An API with its tokens in a file of this folder; `options` take the place of dependencies."""
    made = {name: new_token(name, role, personal=flag) for name, (role, flag) in CALLERS.items()}
    file = folder / "tokens"
    file.write_text("\n".join(line for _, line in made.values()))
    store = MemoryStore()
    kit = Testkit(store=store)
    metrics = Metrics()
    queries, log = MemoryQueries(store), MemoryLog(kit, store)
    reader = ContractReader(queries, clock=lambda: kit.now)
    given = {
        "reader": reader,
        "lookup": ContractLookup(reader, MemoryLookups(store)),
        "statistics": ContractStatistics(queries, clock=lambda: kit.now),
        "preview": ContractPreview(queries, Policy(), clock=lambda: kit.now),
        "progress": (progress := Progress(queries, topic=COMMANDS, home_of=murmur2_home, patience=0.2)),
        "log": log,
        "desk": (desk := MemoryDesk()),
        "authenticators": [TokenFile(file)],
        "client": None,
        "secure_cookies": False,
        "health": Health(),
        "metrics": metrics.api,
        "max_body_bytes": 10_000,
        "max_wait_seconds": 5,
        "requests_per_second": 1_000,
    }
    app = make_app(Dependencies(**{**given, **options}))
    return Api(
        kit, log, queries, desk, progress, app, {name: token for name, (token, _) in made.items()}, metrics
    )


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return made_api(tmp_path)


@pytest.fixture
async def privy(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may do all, and see all."""
    async with api.client("privy") as http:
        yield http


@pytest.fixture
async def publisher(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may publish, and see no personal data."""
    async with api.client("publisher") as http:
        yield http
