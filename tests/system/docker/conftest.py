"""Docker for the tests that need it: `make test-docker` asks for them, `make test` says what is left out."""

import os
from pathlib import Path

import pytest

from tests.system.docker.compose import SERVERS, missing_engine, missing_image

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They take minutes and build images: never by accident."""
    for item in items:  # of the whole run
        if item.path.is_relative_to(HERE):
            item.add_marker("docker")


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine that answers, asked for by `make test-docker`."""
    if not os.environ.get("CONTRACTS_TEST_DOCKER"):
        pytest.skip(f"DOCKER NOT TESTED: {missing_engine() or 'run `make test-docker`'}")
    _needed()


@pytest.fixture(scope="session")
def engine_with_images() -> None:
    """A Docker engine that answers, and has the servers' images, so that using it takes no minutes."""
    if os.environ.get("CONTRACTS_TEST_DOCKER"):
        _needed()
    elif reason := missing_engine() or missing_image(SERVERS):
        pytest.skip(f"CONTAINERS NOT TESTED: {reason}")


def _needed() -> None:
    if reason := missing_engine():
        pytest.fail(f"`make test-docker` needs a Docker engine: {reason}", pytrace=False)
