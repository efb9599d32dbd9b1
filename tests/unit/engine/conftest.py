"""Hypothesis and logs for the engine: failures that are planned are no news."""

import logging

import pytest
import structlog


@pytest.fixture(autouse=True, scope="package")
def quiet():
    """Only what is worse than an error is logged."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()
