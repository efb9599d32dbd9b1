"""The client library is whole, its plain clients, and which cluster it is that they reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.record.default_records import DefaultRecordBatch

from consumer.errors import BrokerUnavailable, SlowClient
from consumer.kafka.connection import kafka_options

if TYPE_CHECKING:
    from consumer.settings import Settings

log = structlog.get_logger()

END_TRANSACTION: Final = 26
SETTLES_AT_ONCE: Final = 5
"""Version of Kafka's EndTxn request that only brokers from 4.0 on know."""


def check_client() -> None:
    """Without its C extension aiokafka falls back to pure Python without a word, at a hundredth of the speed.

    Raises:
        SlowClient: the C extension is not loaded.
    """
    if not DefaultRecordBatch.__module__.startswith("aiokafka.record._crecords"):
        raise SlowClient("the C extension of aiokafka is not loaded")


def make_client(settings: Settings) -> AIOKafkaClient:
    """An unconnected client, for what is asked of Kafka directly."""
    return AIOKafkaClient(**kafka_options(settings))


async def cluster_id(settings: Settings) -> str:
    """The id of the Kafka cluster: a position is worthless in any other.

    Warns of brokers before 4.0: there a fenced producer's offset may still change after its successor
    started, so a resume could read it too early.

    Raises:
        BrokerUnavailable: no answer.
    """
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    try:
        await admin.start()
        answer = await admin._client.send(admin._client.get_random_node(), ApiVersionRequest())
        newest = {api: version for api, _, version in answer.api_versions}
        if newest.get(END_TRANSACTION, 0) < SETTLES_AT_ONCE:
            log.warning("this Kafka is older than 4.0: a takeover may publish a batch again")
        return str((await admin.describe_cluster())["cluster_id"])
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"Kafka does not say which cluster it is: {error!r}") from error
    finally:
        await admin.close()
