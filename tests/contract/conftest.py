"""Contract tests that use `kafka` run on every kind of broker."""

import pytest

from tests import servers as kinds
from tests.conftest import available


@pytest.fixture(scope="session", params=kinds.broker_kinds())
def kafka_kind(request: pytest.FixtureRequest) -> str:
    """Each test that uses `kafka` runs once for each kind."""
    return available(request.param)
