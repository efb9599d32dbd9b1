"""Topics to read, on both brokers."""

import pytest

from tests.contract.kafka.reading import Scene


@pytest.fixture
async def scene(kafka, topic_prefix):
    made = Scene(kafka, f"{topic_prefix}read")
    yield made
    await made.close()


@pytest.fixture
async def wide(kafka, topic_prefix):
    made = Scene(kafka, f"{topic_prefix}wide", 4)
    yield made
    await made.close()


@pytest.fixture
async def real(apache_kafka, topic_prefix):
    made = Scene(apache_kafka, f"{topic_prefix}real")
    yield made
    await made.close()
