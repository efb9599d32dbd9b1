"""Hypothesis and logs for the pipeline: thousands of planned failures are no news."""

import logging

import pytest
import structlog
from hypothesis import HealthCheck, settings

from consumer.pipeline import partition, published
from tests.pipeline.resuming import LOG, Scene, worked_on
from tests.pipeline.world import World

# How long an example takes says more about the machine than about the code.
settings.register_profile("pipeline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pipeline")


@pytest.fixture(autouse=True, scope="package")
def impatient():
    """A loop that failed tries again at once, and believes what cannot be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "LOADING_SECONDS", 0.0)
        patch.setattr(partition, "BACKOFF_SECONDS", (0.0,))
        patch.setattr(partition, "HALTED_POLL_SECONDS", 0.0)
        yield


@pytest.fixture(autouse=True, scope="package")
def quiet():
    """Only what is worse than an error is logged."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
async def scene():
    """A partition that was worked on to its end."""
    return await worked_on()


@pytest.fixture
def fresh():
    """Nobody has ever worked on this partition."""
    return Scene(World(LOG))
