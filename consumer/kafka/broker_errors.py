"""Errors in the answers of brokers: one that aiokafka does not know, and those that an operator must end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiokafka import errors as kafka

from consumer.errors import PublishRefused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class InvalidRecordError(kafka.BrokerResponseError):  # type: ignore[misc]  # aiokafka has no types
    """The topic does not take such a record."""

    errno = 87
    message = "INVALID_RECORD"


_SEE_LOG: Final = "the broker's log says why"

_REMEDIES: Final[Mapping[type[kafka.KafkaError], str]] = {
    InvalidRecordError: "`contracts doctor` names the settings of the topic that are not as planned",
    kafka.IncompatibleBrokerVersion: "upgrade the brokers to Kafka 4.0 or later",
    kafka.InvalidConfigurationError: _SEE_LOG,
    kafka.InvalidRequestError: _SEE_LOG,
    kafka.InvalidTimestampError: "set message.timestamp.type=LogAppendTime for the topic",
    kafka.InvalidTopicError: "Kafka does not allow such a name: see CONTRACTS_TOPIC_PREFIX",
    kafka.MessageSizeTooLargeError: "raise max.message.bytes of the topic",
    kafka.PolicyViolationError: _SEE_LOG,
    kafka.RecordListTooLargeError: "raise segment.bytes of the topic",
    kafka.UnsupportedForMessageFormatError: "upgrade the brokers to Kafka 4.0 or later",
    kafka.UnsupportedVersionError: "upgrade the brokers to Kafka 4.0 or later",
}
"""Brokers decide on these before they write anything, and decide the same about every repetition."""


def error_of(code: int, what: str) -> kafka.KafkaError:
    """The error with this code; `what` was sent."""
    if code == InvalidRecordError.errno:
        return InvalidRecordError(what)
    kind = kafka.for_code(code)
    return kind(what if kind.errno == code else f"error {code} for {what}")


def refusal_of(error: BaseException, targets: Collection[tuple[str, int]]) -> PublishRefused | None:
    """Why a transaction is refused until an operator acts; None: it may succeed the next time.

    `targets`: the partitions that refused it.
    """
    remedy = _REMEDIES.get(type(error))
    if remedy is None:
        return None
    what = error.args[0] if error.args else "the transaction"
    return PublishRefused(f"Kafka refuses {what}: {remedy} ({type(error).__name__})", targets)
