"""Scenes on shared servers, and servers of a test's own for those it must not share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from devstack.given import GivenMongo
from devstack.kafka import ApacheKafka
from devstack.mongo import MongoServer
from devstack.stack import DATABASES
from tests.servers import MONGO_KIND
from tests.system.faults.scene import Scene

MakeScene = Callable[..., Scene]

figures = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a figure that is printed at the end of the run."""
    return request.config.stash.setdefault(figures, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The figures that tests told."""
    if told := config.stash.get(figures, []):
        terminalreporter.section("recovery")
        for figure in told:
            terminalreporter.write_line(figure)


@pytest.fixture
def make_scene(
    apache_kafka: ApacheKafka, request: pytest.FixtureRequest, test_id: str, tmp_path: Path
) -> Iterator[MakeScene]:
    """Makes scenes on the shared Apache Kafka; their workers are gone after the test."""
    with ExitStack() as stack:

        def make(mongo: MongoServer | GivenMongo, bootstrap: str | None = None, **options: Any) -> Scene:
            name = options.pop("name", f"f{test_id}")
            scene = Scene(bootstrap or apache_kafka.bootstrap, mongo.uri, name, tmp_path, **options)
            return stack.enter_context(scene)

        yield make


@pytest.fixture
def scene(make_scene: MakeScene, mongo: MongoServer | GivenMongo) -> Scene:
    """A scene on the shared servers."""
    return make_scene(mongo)


@pytest.fixture
def admin(apache_kafka: ApacheKafka) -> AdminClient:
    """Of the shared Apache Kafka, past the service."""
    return AdminClient({"bootstrap.servers": apache_kafka.bootstrap, "log_level": 0})


@pytest.fixture
def own_mongo(tmp_path: Path) -> Iterator[Callable[..., MongoServer]]:
    """Starts a database that only this test uses: it may be lossy, killed, and set back."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(DATABASES[MONGO_KIND](tmp_path / "mongo", **options))
