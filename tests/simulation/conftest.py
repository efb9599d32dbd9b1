"""Thousands of failures are no news here."""

import logging

import pytest
import structlog


@pytest.fixture(autouse=True, scope="package")
def quiet():
    """Only what is worse than an error is logged."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    aiokafka = logging.getLogger("aiokafka")
    before = aiokafka.level
    aiokafka.setLevel(logging.CRITICAL)
    yield
    aiokafka.setLevel(before)
    structlog.reset_defaults()
