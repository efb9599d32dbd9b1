"""Docker for the tests that need it: `make test-docker` asks for them, `make test` says that it does not."""

import os

import pytest

from tests.docker.compose import missing_engine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They take minutes and build images: never by accident."""
    for item in items:
        item.add_marker("docker")


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine that answers."""
    if not os.environ.get("CONTRACTS_TEST_DOCKER"):
        pytest.skip(f"DOCKER NOT TESTED: {missing_engine() or 'run `make test-docker`'}")
    if reason := missing_engine():
        pytest.fail(f"`make test-docker` needs a Docker engine: {reason}", pytrace=False)
