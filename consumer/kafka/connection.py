"""The options with which aiokafka connects, and its errors as errors of the service."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final

from aiokafka import errors as kafka
from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.helpers import create_ssl_context

from consumer.errors import BrokerDenied, BrokerUnavailable, SettingsError, TopicsMissing
from consumer.kafka.hints import Meaning, meaning_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from aiokafka import AIOKafkaConsumer
    from aiokafka.client import AIOKafkaClient

    from consumer.settings import Settings

_DENIED = (
    kafka.AuthenticationFailedError,
    kafka.AuthenticationMethodNotSupported,
    kafka.ClusterAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.IllegalSaslStateError,
    kafka.SaslAuthenticationFailed,
    kafka.TopicAuthorizationFailedError,
    kafka.TransactionalIdAuthorizationFailed,
    kafka.UnsupportedSaslMechanismError,
)
SAFE_AGAIN: Final = "it may be in the log; sending it again under the same id is safe"
"""The hint if it is not known whether a command was sent."""

LEAVE_SECONDS: Final = 3.0
"""Maximum time for a consumer to leave its group and to close its connections."""

_DENIED_WORDS = ("SaslAuthenticationFailed", "AuthenticationFailed", "CERTIFICATE_VERIFY_FAILED", "SSL")


def _losing(send: Callable[..., Any]) -> Callable[..., Any]:
    """Sends over a connection; a closed transport is an error of the connection.

    Writing to one is no error to asyncio, but a RuntimeError to uvloop. aiokafka does not expect that: the
    task that sends next would fail, and end the process.
    """

    @wraps(send)
    def sending(connection: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return send(connection, *arguments, **named)
        except RuntimeError as error:
            if isinstance(error, NotImplementedError):
                raise
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            address = f"{connection.host}:{connection.port}"
            raise kafka.KafkaConnectionError(f"Connection at {address} broken: {error}") from error

    return sending


AIOKafkaConnection.send = _losing(AIOKafkaConnection.send)
AIOKafkaConnection._send_sasl_token = _losing(AIOKafkaConnection._send_sasl_token)

_FAILED_TO_CONNECT = ("Unable connect to", "Unable to request metadata")


def kafka_options(settings: Settings) -> dict[str, Any]:
    """The keyword arguments of every aiokafka client.

    Raises:
        SettingsError: a certificate or key cannot be read, or there is no such token provider.
    """
    password = settings.kafka_sasl_password
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "client_id": settings.kafka_client_id,
        "request_timeout_ms": settings.kafka_request_timeout_ms,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": _ssl_context(settings) if "SSL" in settings.kafka_security_protocol else None,
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
        "sasl_oauth_token_provider": _token_provider(settings.kafka_sasl_token_provider),
    }


class _TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """Calls the token provider of the settings whenever a connection is made."""

    def __init__(self, name: str, function: Callable[[], Awaitable[str]]) -> None:
        self._name = name
        self._function = function

    async def token(self) -> str:
        """The bearer token. If the provider fails, it is tried again, as if a broker did not answer."""
        try:
            return await self._function()
        except Exception as error:
            raise ConnectionError(f"{self._name} gives no token: {type(error).__name__}: {error}") from error


def _token_provider(path: str | None) -> _TokenProvider | None:
    if path is None:
        return None
    module, _, name = path.partition(":")
    try:
        function = getattr(import_module(module), name)
    except Exception as error:  # any error of a function that is not part of the service
        why = str(error) if isinstance(error, ImportError | AttributeError) else repr(error)
        raise SettingsError([f"CONTRACTS_KAFKA_SASL_TOKEN_PROVIDER: {why}"]) from error
    if not iscoroutinefunction(function):
        raise SettingsError([f"CONTRACTS_KAFKA_SASL_TOKEN_PROVIDER: {path} is no coroutine function"])
    return _TokenProvider(path, function)


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    key_password = settings.kafka_ssl_keypassword
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=settings.kafka_ssl_cafile,
            certfile=settings.kafka_ssl_certfile,
            keyfile=settings.kafka_ssl_keyfile,
            # Never None: OpenSSL would ask for the password of an encrypted key on the terminal.
            password=key_password.get_secret_value() if key_password else "",
        )
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError, too
        raise SettingsError([f"{_tls_setting(settings)}: {_why(error)}"]) from error
    return context


def _tls_setting(settings: Settings) -> str:
    """The setting whose file cannot be read, or the settings of which one is wrong."""
    for name in ("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile"):
        if (file := getattr(settings, name)) is not None and not os.access(file, os.R_OK):
            return f"CONTRACTS_{name.upper()}"
    return "CONTRACTS_KAFKA_SSL_CAFILE, _CERTFILE, _KEYFILE, _KEYPASSWORD"


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def kafka_errors(bootstrap_servers: str) -> Iterator[None]:
    """Translates aiokafka's errors: BrokerDenied if an operator must act, else BrokerUnavailable.

    aiokafka logs why it could not connect, and raises an error without the reason. So the reason is taken
    from its log.
    """
    with _reasons() as reasons:
        try:
            yield
        except (kafka.KafkaError, OSError, TimeoutError) as error:
            reason = reasons[-1] if reasons else f"{type(error).__name__}: {error}"
            kind, hint = _meaning(error, reason)
            verb = "refuses access" if kind is BrokerDenied else "does not answer"
            raise kind(f"Kafka at {bootstrap_servers} {verb}: {reason}", hint=hint) from error


def _meaning(error: BaseException, text: str) -> Meaning:
    denied = isinstance(error, _DENIED) or any(word in text for word in _DENIED_WORDS)
    kind = BrokerDenied if denied else BrokerUnavailable
    return meaning_of(text) or Meaning(kind, kind.hint)


async def listed_partitions(client: AIOKafkaClient, topic: str) -> set[int]:
    """The partitions of a topic, from the list of all topics.

    Asking for it by name could create it, with wrong settings.

    Raises:
        TopicsMissing: the topic does not exist, or this user may not see it.
    """
    cluster = await client.fetch_all_metadata()
    if not (numbers := cluster.partitions_for_topic(topic)):
        raise TopicsMissing([topic])
    return set(numbers)


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Leaves the group, if it is in one, and disconnects; also without a broker.

    aiokafka's stop() may never return then. Or it hands on the cancellation of a fetch of its own that waits
    to be tried again, with the connections left open: whoever awaits that is cancelled himself.
    """
    await asyncio.sleep(0)  # it also fails if one of its tasks has not started yet
    ending = {asyncio.create_task(consumer.stop())}
    _, late = await asyncio.wait(ending, timeout=LEAVE_SECONDS)
    if late or any(task.cancelled() or task.exception() for task in ending):
        for task in late:
            task.cancel()
        ending.add(asyncio.create_task(consumer._client.close()))
        await asyncio.wait(ending, timeout=LEAVE_SECONDS)
    let_go(ending)


def let_go(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Retrieves the results of tasks, so that asyncio does not log that they were never retrieved."""
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()


def broker_error(what: str, error: BaseException) -> BrokerDenied | BrokerUnavailable:
    """An error of aiokafka as an error of the service; `what` describes the failed request."""
    # Errors in a broker's answer have their meaning in their class; their text may hold names of topics.
    text = type(error).__name__ if isinstance(error, kafka.BrokerResponseError) else repr(error)
    kind, hint = _meaning(error, text)
    return kind(f"{what}: {error!r}", hint=hint)


class _ReasonKeeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reasons: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """`Unable connect to "%s:%s": %s` and its like: the error comes last."""
        if str(record.msg).startswith(_FAILED_TO_CONNECT) and isinstance(record.args, tuple):
            reason = record.args[-1]
            self.reasons.append(str(reason) or type(reason).__name__)


@contextmanager
def _reasons() -> Iterator[list[str]]:
    keeper, log = _ReasonKeeper(), logging.getLogger("aiokafka")
    log.addHandler(keeper)
    try:
        yield keeper.reasons
    finally:
        log.removeHandler(keeper)
