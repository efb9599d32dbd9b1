"""Ten thousand contracts say a lot, and their days are short: no pauses, only what is worse than an error."""

import logging

import pytest
import structlog

from consumer.engine import pipeline


@pytest.fixture(autouse=True, scope="package")
def quiet():
    """Only what is worse than an error is logged."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Nothing gathers: every step waits for the one before."""
    monkeypatch.setattr(pipeline, "REST_SECONDS", 0.0)
    monkeypatch.setattr(pipeline, "FETCH_PAUSE_SECONDS", 0.0)
