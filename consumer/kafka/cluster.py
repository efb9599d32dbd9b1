"""Checks of the client library and of the cluster, and plain clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.record.default_records import DefaultRecordBatch

from consumer.errors import BrokerUnavailable, SlowClient
from consumer.kafka.connection import kafka_options, let_go

if TYPE_CHECKING:
    from consumer.settings import Settings

log = structlog.get_logger()

CLOSE_SECONDS: Final = 3.0
"""Maximum time for a client to close its connections."""

END_TRANSACTION: Final = 26
ENDS_AT_ONCE: Final = 5
"""Version of Kafka's EndTxn request that brokers have from 4.0 on."""


def check_client() -> None:
    """Refuses to start without aiokafka's C extension: pure Python is 100 times slower, without any warning.

    Raises:
        SlowClient: the C extension is not loaded.
    """
    if not DefaultRecordBatch.__module__.startswith("aiokafka.record._crecords"):
        raise SlowClient("the C extension of aiokafka is not loaded")


def make_client(settings: Settings) -> AIOKafkaClient:
    """An unconnected client, for requests that aiokafka's producer and consumer do not make."""
    return AIOKafkaClient(**kafka_options(settings))


async def close_client(client: AIOKafkaClient) -> None:
    """Closes the connections; also without a broker, where the client may never finish."""
    closing = asyncio.create_task(client.close())
    await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
    let_go({closing})


def make_consumer(settings: Settings) -> AIOKafkaConsumer:
    """An unstarted member of the service's group. It fetches nothing: a Fetcher reads the topic."""
    return AIOKafkaConsumer(
        **kafka_options(settings),
        group_id=settings.group_id,
        group_instance_id=settings.group_instance_id,
        auto_offset_reset="none",
        enable_auto_commit=False,
        isolation_level="read_committed",
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.heartbeat_interval_ms,
        max_poll_interval_ms=settings.max_poll_interval_ms,
        rebalance_timeout_ms=settings.rebalance_timeout_ms,
    )


async def cluster_id(settings: Settings) -> str:
    """The id of the Kafka cluster. A position is valid in one cluster only.

    Warns of brokers before 4.0: there, a delayed request of an ended transaction may become part of the next.

    Raises:
        BrokerUnavailable: no answer.
    """
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    try:
        await admin.start()
        answer = await admin._client.send(admin._client.get_random_node(), ApiVersionRequest())
        newest = {api: version for api, _, version in answer.api_versions}
        if newest.get(END_TRANSACTION, 0) < ENDS_AT_ONCE:
            log.warning("this Kafka is older than 4.0: a takeover may publish a batch again")
        return str((await admin.describe_cluster())["cluster_id"])
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"Kafka does not say which cluster it is: {error!r}") from error
    finally:
        await admin.close()
