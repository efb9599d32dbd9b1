"""A server that cannot be used as the settings say: the hint names the setting."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from functools import partial

import pytest
from aiokafka import errors as kafka
from confluent_kafka import Consumer

from consumer.errors import BrokerDenied, BrokerUnavailable, LogError
from consumer.kafka import topics
from consumer.kafka.cluster import make_client, make_consumer
from consumer.kafka.connection import broker_error, kafka_errors
from consumer.kafka.membership import Membership
from consumer.settings import load_settings
from schemas.topics import COMMANDS

pytestmark = pytest.mark.usefixtures("as_it_was")


@pytest.mark.parametrize(
    ("logged", "kind", "setting"),
    [
        ("UnsupportedSaslMechanismError: not SCRAM-SHA-256", BrokerDenied, "CONTRACTS_KAFKA_SASL_MECHANISM"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed", BrokerDenied, "CONTRACTS_KAFKA_SSL_CAFILE"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong", BrokerDenied, "CONTRACTS_KAFKA_SECURITY_PROTOCOL"),
        (ConnectionResetError(), BrokerUnavailable, "CONTRACTS_KAFKA_SECURITY_PROTOCOL"),
        ("[Errno 111] Connect call failed", BrokerUnavailable, "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS"),
    ],
)
def test_the_reason_why_nothing_connects_has_its_setting(logged, kind: type[LogError], setting: str) -> None:
    def connect() -> None:
        with kafka_errors("k:9092"):
            logging.getLogger("aiokafka").error('Unable connect to "%s:%s": %s', "k", 9092, logged)
            raise kafka.KafkaConnectionError("Unable to bootstrap")

    with pytest.raises(kind) as caught:
        connect()
    assert setting in caught.value.hint
    assert str(caught.value).endswith(str(logged) or "ConnectionResetError")


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        (kafka.InconsistentGroupProtocolError(), "CONTRACTS_GROUP_ID"),
        (kafka.InvalidGroupIdError(), "CONTRACTS_GROUP_ID"),
        (kafka.InvalidSessionTimeoutError(), "CONTRACTS_SESSION_TIMEOUT_MS"),
        (kafka.InvalidTransactionTimeout(), "CONTRACTS_TRANSACTION_TIMEOUT_MS"),
        (kafka.KafkaError("Unexpected error: InconsistentGroupProtocolError()"), "CONTRACTS_GROUP_ID"),
    ],
)
def test_what_only_a_setting_mends_is_not_waited_for(error: Exception, setting: str) -> None:
    told = broker_error("the group cannot be joined", error)
    assert isinstance(told, BrokerDenied)
    assert setting in told.hint


async def test_tls_to_a_port_without(kafka) -> None:
    settings = load_settings(
        kafka_bootstrap_servers=kafka.bootstrap, kafka_security_protocol="SSL", kafka_request_timeout_ms=5_000
    )
    with pytest.raises(LogError) as caught:
        await topics.require(settings, COMMANDS)
    assert "CONTRACTS_KAFKA_SECURITY_PROTOCOL" in caught.value.hint, str(caught.value)


async def test_no_tls_to_a_port_with_it() -> None:
    async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What a TLS server answers to bytes that are no handshake."""
        await reader.read(4)
        writer.write(b"\x15\x03\x03\x00\x02\x02\x46")
        writer.close()

    async with await asyncio.start_server(alert, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        settings = load_settings(kafka_bootstrap_servers=f"{host}:{port}", kafka_request_timeout_ms=5_000)
        with pytest.raises(LogError) as caught:
            await topics.require(settings, COMMANDS)
    assert "CONTRACTS_KAFKA_SECURITY_PROTOCOL" in caught.value.hint, str(caught.value)


@contextlib.contextmanager
def sharing_otherwise(bootstrap: str, group: str, topic: str) -> Iterator[None]:
    """A member that shares partitions out cooperatively."""
    strategy = "cooperative-sticky"
    options = {"bootstrap.servers": bootstrap, "group.id": group, "partition.assignment.strategy": strategy}
    member = Consumer(options)
    member.subscribe([topic])
    try:
        while not member.assignment():
            member.poll(1)
        yield
    finally:
        member.close()


async def test_a_member_with_another_strategy(apache_kafka, topic_prefix: str) -> None:
    settings = load_settings(
        kafka_bootstrap_servers=apache_kafka.bootstrap,
        topic_prefix=topic_prefix,
        group_id=topic_prefix,
        topic_partitions=1,
        topic_replication_factor=1,
    )
    await topics.ensure(settings)
    topic = topic_prefix + COMMANDS
    with sharing_otherwise(apache_kafka.bootstrap, topic_prefix, topic):
        membership = Membership(
            make_consumer(settings),
            partial(make_client, settings),
            topic,
            lambda *_: pytest.fail("nothing is assigned"),
            drain_seconds=1,
            owned=lambda *_: None,
        )
        with pytest.raises(BrokerDenied) as caught:
            await membership.run()
    assert "CONTRACTS_GROUP_ID" in caught.value.hint, str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["get", "acme"], ["list"], ["history", "acme"], ["expiring"], ["get", "c-1", "--id"]),
        *(["stats"], ["stats", "--movements"]),
    ],
)
def test_a_database_without_collections_is_told(contracts, mongo, database, monkeypatch, arguments) -> None:
    monkeypatch.setenv("CONTRACTS_MONGO_URI", mongo.uri)
    monkeypatch.setenv("CONTRACTS_MONGO_DATABASE", database)
    ran = contracts(*arguments)
    told = f"the database {database} has no collections: is CONTRACTS_MONGO_DATABASE right?"
    assert ran.err.endswith(f"{told}\n")
    assert ran.code == (11 if "get" in arguments else 0)


def test_tls_to_a_database_without(contracts, mongo, monkeypatch) -> None:
    monkeypatch.setenv("CONTRACTS_MONGO_URI", f"{mongo.uri}{'&' if '?' in mongo.uri else '/?'}tls=true")
    monkeypatch.setenv("CONTRACTS_MONGO_TIMEOUT_MS", "3000")
    ran = contracts("get", "acme")
    assert ran.code == 5
    assert "CONTRACTS_MONGO_URI" in ran.err.splitlines()[-1]
    assert "TLS" in ran.err.splitlines()[-1]
