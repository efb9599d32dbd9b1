"""How Kafka is reached, and what aiokafka's errors become."""

import asyncio
import logging
import ssl
from pathlib import Path

import pytest
import uvloop
from aiokafka import errors as kafka
from aiokafka.conn import AIOKafkaConnection

from consumer.errors import BrokerDenied, BrokerUnavailable, LogError, SettingsError
from consumer.kafka.connection import broker_error, kafka_errors, kafka_options
from consumer.settings import load_settings


def test_plain_connections_use_no_tls() -> None:
    options = kafka_options(load_settings(kafka_bootstrap_servers="a:1,b:2"))
    assert (options["bootstrap_servers"], options["ssl_context"]) == ("a:1,b:2", None)


def test_tls_checks_certificate_and_name() -> None:
    context = kafka_options(load_settings(kafka_security_protocol="SSL"))["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_certificate_that_cannot_be_read_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    for wrong in (tmp_path / "missing.pem", tmp_path / "broken.pem"):
        (tmp_path / "broken.pem").write_text("no certificate")
        with pytest.raises(SettingsError, match="CONTRACTS_KAFKA_SSL_CAFILE"):
            kafka_options(load_settings(kafka_security_protocol="SSL", kafka_ssl_cafile=str(wrong)))


def test_the_password_goes_to_the_client_only() -> None:
    settings = load_settings(
        kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_username="app", kafka_sasl_password="hunter2"
    )
    assert kafka_options(settings)["sasl_plain_password"] == "hunter2"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka.KafkaConnectionError("closed"), BrokerUnavailable),
        (kafka.RequestTimedOutError(), BrokerUnavailable),
        (ConnectionResetError("reset"), BrokerUnavailable),
        (TimeoutError(), BrokerUnavailable),
        (kafka.TopicAuthorizationFailedError("contracts.commands"), BrokerDenied),
        (kafka.SaslAuthenticationFailed(), BrokerDenied),
    ],
)
def test_waiting_helps_or_it_does_not(error: Exception, kind: type[LogError]) -> None:
    with (
        pytest.raises(kind, match=r"^Kafka at k:9092 (does not answer|refuses access): "),
        kafka_errors("k:9092"),
    ):
        raise error


def test_a_topic_s_name_does_not_change_what_a_broker_s_error_means() -> None:
    error = broker_error(
        "refused", kafka.NotEnoughReplicasError("a record batch for SSL.contracts.changed/1")
    )
    assert isinstance(error, BrokerUnavailable)
    assert "SSL.contracts.changed/1" in str(error)


@pytest.mark.parametrize(
    ("logged", "kind"),
    [
        ("[Errno 111] Connect call failed", BrokerUnavailable),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate", BrokerDenied),
        ("SaslAuthenticationFailed: Authentication failed", BrokerDenied),
    ],
)
def test_the_reason_that_aiokafka_only_logs_is_told(logged: str, kind: type[LogError]) -> None:
    log = logging.getLogger("aiokafka")

    def connect() -> None:
        with kafka_errors("k:9092"):
            log.error('Unable connect to "%s:%s": %s', "k", 9092, logged)
            log.error("Unable to update metadata from %s", [0])
            raise kafka.KafkaConnectionError("Unable to bootstrap")

    with pytest.raises(kind) as caught:
        connect()
    assert str(caught.value).endswith(f": {logged}")
    assert not [handler for handler in log.handlers if type(handler).__name__ == "_ReasonKeeper"]


def test_a_transport_closed_by_uvloop_is_a_lost_connection() -> None:
    """And not an error that nobody expects, which ended the process."""

    async def send() -> None:
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            connection = AIOKafkaConnection(host, port)
            connection._read_task = asyncio.create_task(asyncio.sleep(0))
            connection._reader, connection._writer = await asyncio.open_connection(host, port)
            connection._writer.transport.abort()
            await connection._reader.read()
            with pytest.raises(kafka.KafkaConnectionError, match="the handler is closed"):
                connection._send_sasl_token(b"token")
            assert not connection.connected()

    uvloop.run(send())
