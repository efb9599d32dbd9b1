"""A connected admin client of Kafka."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient

from consumer.kafka.connection import kafka_errors, kafka_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from consumer.settings import Settings


@asynccontextmanager
async def connected_admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client.

    Raises:
        BrokerUnavailable, BrokerDenied: from here or from within the block.
    """
    with kafka_errors(settings.kafka_bootstrap_servers):
        client = AIOKafkaAdminClient(**kafka_options(settings))
        try:
            await client.start()
            yield client
        finally:
            await client.close()
