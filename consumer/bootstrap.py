"""The composition root: the only place that builds clients and puts the parts together."""

from __future__ import annotations

import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.record.default_records import DefaultRecordBatch

from consumer.errors import BrokerUnavailable, SlowClient
from consumer.pipeline.applier import Applier, Limits
from consumer.pipeline.cache import CacheBudget, ContractCache
from consumer.pipeline.decoder import Decoder
from consumer.pipeline.encoder import Encoder
from consumer.pipeline.homes import HOMES
from consumer.pipeline.partition import PartitionLoop
from consumer.pipeline.published import ResultLog
from consumer.pipeline.reader import PartitionReader
from consumer.pipeline.service import Service, loop_name
from consumer.storage.mongo import MongoStore, connect
from consumer.storage.protocols import Origin
from producers.connection import kafka_options
from producers.publisher import RETRY_BACKOFF_MS, Publisher
from schemas.topics import COMMAND_RESULTS, COMMANDS

if TYPE_CHECKING:
    from consumer.health import Health
    from consumer.metrics import Metrics
    from consumer.settings import Settings
    from consumer.storage.mongo import Client
    from consumer.storage.protocols import Store

log = structlog.get_logger()

DRAIN_SHARE: Final = 0.5
"""Of the rebalance timeout: the rest is for joining again."""


def check_client() -> None:
    """Without its C extension aiokafka falls back to pure Python without a word, at a hundredth of the speed.

    Raises:
        SlowClient: the C extension is not loaded.
    """
    if not DefaultRecordBatch.__module__.startswith("aiokafka.record._crecords"):
        raise SlowClient("the C extension of aiokafka is not loaded")


def make_mongo(settings: Settings, metrics: Metrics | None = None) -> Client:
    """A client of the database; it connects when it is first used, and counts its operations in `metrics`."""
    return connect(
        settings.mongo_uri.get_secret_value(),
        timeout_ms=settings.mongo_timeout_ms,
        max_pool_size=settings.mongo_max_pool_size,
        report=metrics.mongo_operation if metrics else None,
    )


def make_consumer(settings: Settings) -> AIOKafkaConsumer:
    """An unstarted member of the service's group. It fetches nothing; each partition has its feed."""
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


def make_feed(settings: Settings) -> AIOKafkaConsumer:
    """An unstarted connection that reads one partition. A lost range must stop it, never be skipped."""
    return AIOKafkaConsumer(
        **kafka_options(settings),
        auto_offset_reset="none",
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=settings.max_fetch_bytes,
    )


def make_publisher(settings: Settings, partition: int) -> Publisher:
    """The unstarted publisher of one input partition."""

    def make_producer(transactional_id: str) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **kafka_options(settings),
            transactional_id=transactional_id,
            transaction_timeout_ms=settings.transaction_timeout_ms,
            acks="all",
            max_request_size=1 << 20,
            retry_backoff_ms=RETRY_BACKOFF_MS,
        )

    return Publisher(
        make_producer,
        group=settings.group_id,
        topic=settings.topic_prefix + COMMANDS,
        partition=partition,
        deadline=settings.transaction_timeout_ms / 1000,
    )


_END_TRANSACTION: Final = 26
_SETTLES_AT_ONCE: Final = 5
"""Version of Kafka's EndTxn request that only brokers from 4.0 on know."""


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
        answer = await admin._client.send(admin._client.get_random_node(), ApiVersionRequest())  # noqa: SLF001
        newest = {api: version for api, _, version in answer.api_versions}
        if newest.get(_END_TRANSACTION, 0) < _SETTLES_AT_ONCE:
            log.warning("this Kafka is older than 4.0: a takeover may publish a batch again")
        return str((await admin.describe_cluster())["cluster_id"])
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"Kafka does not say which cluster it is: {error!r}") from error
    finally:
        await admin.close()


def limits(settings: Settings) -> Limits:
    """The settings that bound a batch."""
    return Limits(
        batch_commands=settings.max_batch_commands,
        batch_output_bytes=settings.max_batch_bytes,
        dead_letter_share=settings.dead_letter_limit_share,
        dead_letter_count=settings.dead_letter_limit_count,
        dead_letter_window=settings.dead_letter_limit_window,
        dead_letter_limit_off=settings.dead_letter_limit_off,
    )


def make_service(
    settings: Settings, store: Store, cluster: str, *, metrics: Metrics, health: Health
) -> Service:
    """The pipeline of this process, ready to run."""
    consumer = make_consumer(settings)
    topic = settings.topic_prefix + COMMANDS
    instance = f"{socket.gethostname()}/{os.getpid()}"
    budget = CacheBudget(settings.max_cache_bytes)

    results = settings.topic_prefix + COMMAND_RESULTS
    new_feed = partial(make_feed, settings)

    def make_loop(partition: int) -> PartitionLoop:
        partitions = len(consumer.partitions_for_topic(topic) or ())
        owner = f"{instance}/{uuid4().hex[:12]}"
        return PartitionLoop(
            reader=PartitionReader(consumer, new_feed, topic, partition),
            results=ResultLog(new_feed, results, partition),
            store=store,
            publisher=make_publisher(settings, partition),
            applier=Applier(
                store,
                Encoder(partition, topic_prefix=settings.topic_prefix),
                owner=owner,
                policy=settings.policy,
                limits=limits(settings),
                cache=ContractCache(budget),
                compression=settings.compression,
                metrics=metrics,
            ),
            owner=owner,
            origin=Origin(cluster, settings.group_id, partitions, settings.partitioner),
            make_decoder=lambda base: Decoder(
                partitions,
                home_of=HOMES[settings.partitioner],
                max_command_bytes=settings.max_command_bytes,
                base=base,
            ),
            metrics=metrics,
            beat=partial(health.beat, loop_name(partition)),
        )

    drain_seconds = settings.rebalance_timeout_ms / 1000 * DRAIN_SHARE
    return Service(consumer, topic, make_loop, drain_seconds=drain_seconds, metrics=metrics, health=health)


def make_store(settings: Settings, client: Client) -> MongoStore:
    """The store of the settings' database."""
    return MongoStore(client, settings.mongo_database)
