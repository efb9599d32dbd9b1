"""Fixtures every test shares: brokers, databases, and names of its own for each test."""

import gc
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from devstack.given import GivenKafka, GivenMongo
from devstack.kafka import ApacheKafka, KafkaServer
from devstack.mongo import MongoServer
from devstack.server import Server
from tests import servers as kinds
from tests.servers import Servers, describe
from tools.client.build import write_sources

# How long an example takes says more about the machine than about the code.
settings.register_profile("contracts", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("contracts")

tests_on = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """All servers of this run; nothing is started until a test asks."""
    found = Servers(tmp_path_factory.mktemp("servers"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def client_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory to import `contracts_client` from, made of what stands in the repository now."""
    return write_sources(tmp_path_factory.mktemp("client")).parent


@pytest.fixture(scope="session", params=[kinds.broker_kind()])
def kafka_kind(request: pytest.FixtureRequest) -> str:
    """Kind of the broker; folders whose tests run once for each kind have a fixture of their own."""
    return available(request.param)


@pytest.fixture
def kafka(servers: Servers, kafka_kind: str) -> KafkaServer | GivenKafka:
    """A shared broker: `.bootstrap`. Apache Kafka where it can start, else the embedded one."""
    return servers.kafka(kafka_kind)


@pytest.fixture
def apache_kafka(servers: Servers) -> ApacheKafka:
    """The shared Apache Kafka, which the test may kill or pause: the next test gets it mended."""
    if kinds.GIVEN_KAFKA:
        pytest.skip("a given broker cannot be killed: unset CONTRACTS_TEST_KAFKA")
    server = servers.kafka(available("apache"))
    assert isinstance(server, ApacheKafka)
    return server


@pytest.fixture
def mongo(servers: Servers) -> MongoServer | GivenMongo:
    """A shared MongoDB-compatible server: `.uri`. Killed or paused by a test, it is mended for the next."""
    return servers.mongo(kinds.mongo_kind())


@pytest.fixture
def test_id(request: pytest.FixtureRequest) -> str:
    """A short name unique to this test in this run, fit for topics, groups and databases."""
    return hashlib.sha256(f"{os.getpid()} {request.node.nodeid}".encode()).hexdigest()[:12]


@pytest.fixture
def database(test_id: str) -> str:
    """A database name of its own."""
    return f"t{test_id}"


@pytest.fixture
def topic_prefix(test_id: str) -> str:
    """A topic prefix of its own; also good for group and transactional ids."""
    return f"t{test_id}."


def available(kind: str) -> str:
    """The kind, or the test ends: skipped, in CI failed."""
    missing = kinds.missing_for(kind)
    if missing and kinds.REAL_REQUIRED:
        pytest.fail(f"Apache Kafka is required in CI: {missing}", pytrace=False)
    if missing:
        pytest.skip(f"Apache Kafka not tested: {missing}")
    return kind


LONGEST = (
    "test_walks.py",
    "test_chaos.py",
    "test_schedules.py",
    "test_pages.py",
    "test_bulk.py",
    "test_demo.py",
    "test_damage.py",
    "test_positions.py",
    "test_cluster.py",
    "test_unpublished.py",
    "test_kill.py",
    "test_pause.py",
)
"""Files that take minutes. They begin first, so that in a parallel run none is left alone at the end."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m fault` imports only files with such tests: each process of a parallel run would import all."""
    asked = config.option.markexpr == "fault" and collection_path.suffix == ".py"
    return True if asked and not _has_faults(collection_path) else None


def _has_faults(path: Path) -> bool:
    return "pytest.mark.fault" in path.read_text()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the servers they use, so that `-m "not kafka and not mongo"` runs without any."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    unseen = {item.path for item in items if item.get_closest_marker("fault") and not _has_faults(item.path)}
    if unseen:
        raise pytest.UsageError(f"-m fault would not see these: they do not say pytest.mark.fault: {unseen}")
    for item in items:
        for name in {"kafka", "apache_kafka", "mongo"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(name)


def pytest_collection_finish() -> None:
    """Modules are no garbage, and tests leave little: looking for it was a tenth of their time."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Count which tests really ran on which server."""
    arguments = getattr(item, "funcargs", {}).values()
    used = {value for value in arguments if isinstance(value, Server | GivenKafka | GivenMongo)}
    item.config.stash.setdefault(tests_on, Counter()).update(describe(server) for server in used)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts of a parallel run's worker to its controller."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tests_on"] = dict(session.config.stash.get(tests_on, Counter()))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up the counts of the workers of a parallel run."""
    counts = getattr(node, "workeroutput", {}).get("tests_on", {})
    node.config.stash.setdefault(tests_on, Counter()).update(counts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which servers were exercised: a run that silently tested less must not look like a full one."""
    exercised = config.stash.get(tests_on, Counter())
    if exercised:
        terminalreporter.section("servers exercised")
        for server, tests in sorted(exercised.items()):
            terminalreporter.write_line(f"{server}: {tests} tests")
    missing = None if kinds.GIVEN_KAFKA else kinds.missing_for("apache")
    if missing:
        terminalreporter.section("APACHE KAFKA NOT TESTED", red=True, bold=True)
        terminalreporter.write_line(f"{missing}: install a Java runtime (17+) and Maven", red=True)
