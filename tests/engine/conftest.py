"""Hypothesis and logs for the engine: failures that are planned are no news."""

import logging

import pytest
import structlog
from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("engine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("engine")


@pytest.fixture(autouse=True, scope="package")
def quiet():
    """Only what is worse than an error is logged."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()
