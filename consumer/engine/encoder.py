"""Decisions -> records to publish. Deterministic: the same command at the same place gives the same bytes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, assert_never

from consumer.domain.model import Changed, Expiring, LimitReached, RenewalNotice
from consumer.engine.output_data import changed_data, reference
from consumer.engine.records import forwarded_headers
from consumer.kafka.recordbatches import Output
from schemas.cloudevents import caused_headers
from schemas.contract import to_json
from schemas.events import EVENTS
from schemas.topics import DEAD_LETTERS, output_partition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orjson import Fragment

    from consumer.domain.model import Event
    from consumer.engine.records import Incoming, Misplaced, Record, Undecodable
    from schemas.cloudevents import CausedHeaders

DEAD_LETTER_PREFIX: Final = "dlq-"

MAX_DEAD_LETTER_BYTES: Final = 900_000
"""A larger record is dead-lettered as a pointer: with our headers it might not fit into the topic."""


ALIKE: Final[Mapping[str, int]] = MappingProxyType({})
"""Every output topic has as many partitions as the commands."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NAMES: Final = {
    Changed: "changed",
    Expiring: "expiring",
    RenewalNotice: "renewal_notice",
    LimitReached: "limit_reached",
}


class Encoder:
    """Writes the outputs of one input partition.

    Args:
        partition: the input's; dead letters keep it.
        topic_prefix: of the topics' names.
        counts: how many partitions a topic has, with its prefix; of the others, as many as the input.
    """

    def __init__(self, partition: int, *, topic_prefix: str = "", counts: Mapping[str, int] = ALIKE) -> None:
        self._partition = partition
        topics = {name: topic_prefix + spec.topic for name, spec in EVENTS.items()}
        self._targets = {
            name: Target(topic, output_partition(partition, counts[topic]) if topic in counts else partition)
            for name, topic in topics.items()
        }
        self._dead_letters = topic_prefix + DEAD_LETTERS

    def outputs(self, cause: Incoming, identity: bytes, now: datetime) -> CommandOutputs:
        """What a command gives rise to; `identity` is that of its history entry."""
        record = cause.record
        timestamp = record.timestamp if now is cause.at else milliseconds(now)
        command = cause.command
        headers = caused_headers(identity, command.offset, command.account_id, now, cause.envelope)
        return CommandOutputs(self._targets, record.key, timestamp, headers, cause, now)

    def forward(self, misplaced: Misplaced) -> Output:
        """The record unchanged, on its way to its home, with a mark that it was forwarded once."""
        record = misplaced.record
        headers = forwarded_headers(record)
        return Output(record.topic, misplaced.home, record.key, record.value, headers, record.timestamp)

    def dead_letter(self, letter: Undecodable) -> Output:
        """The record byte for byte, with the reason; above the topic's limit, where it is and its hash."""
        record = letter.record
        headers = [header for header in record.headers if not header[0].startswith(DEAD_LETTER_PREFIX)]
        key, value = record.key, record.value
        reason = _dead_letter_headers(letter)
        if _size(record) > MAX_DEAD_LETTER_BYTES:
            digest = hashlib.sha256(value or b"").hexdigest().encode()
            reason += (("dlq-value-bytes", b"%d" % len(value or b"")), ("dlq-value-sha256", digest))
            headers, value = [], None
            key = key if key is not None and len(key) < MAX_DEAD_LETTER_BYTES else None
        return Output(self._dead_letters, self._partition, key, value, [*headers, *reason], record.timestamp)

    def dead_letter_result(
        self, letter: Undecodable, identity: bytes, offset: int, now: datetime
    ) -> Output | None:
        """The answer to the sender of a dead letter, when its identity could be read.

        `offset` is its sequence number, as that of a command.
        """
        if letter.envelope is None or letter.account_id is None:
            return None
        result = {
            "command": reference(letter.envelope),
            "outcome": "rejected",
            "code": letter.code,
            "message": letter.message,
            "errors": list(letter.errors),
            "processed_at": now,
        }
        headers = caused_headers(identity, offset, letter.account_id, now, letter.envelope)
        return Output(
            *self._targets["command_result"],
            letter.account_id.encode(),
            to_json(result),
            headers.of("command_result", 0),
            milliseconds(now),
        )


class Target(NamedTuple):
    """Where outputs of a kind go."""

    topic: str
    partition: int


class CommandOutputs:
    """The outputs of one command, to be made in their order: its events, then its result."""

    __slots__ = ("_cause", "_headers", "_key", "_now", "_ordinal", "_targets", "_timestamp")

    def __init__(
        self,
        targets: Mapping[str, Target],
        key: bytes | None,
        timestamp: int,
        headers: CausedHeaders,
        cause: Incoming,
        now: datetime,
    ) -> None:
        self._targets = targets
        self._key = key
        self._timestamp = timestamp
        self._headers = headers
        self._cause = cause
        self._now = now
        self._ordinal = 0

    def event(self, event: Event, fields: Fragment) -> Output:
        """The next event; `fields` are those that it changed."""
        match event:
            case Changed():
                return self._next("changed", changed_data(event, fields, self._cause, self._now))
            case Expiring(notice):
                return self._next("expiring", notice)
            case RenewalNotice(notice):
                return self._next("renewal_notice", notice)
            case LimitReached(notice):
                return self._next("limit_reached", notice)
            case _:
                assert_never(event)

    def result(self, result: dict[str, Any]) -> Output:
        """What became of the command."""
        return self._next("command_result", result)

    def _next(self, name: str, data: Any) -> Output:
        topic, partition = self._targets[name]
        headers = self._headers.of(name, self._ordinal)
        self._ordinal += 1
        return Output(topic, partition, self._key, to_json(data), headers, self._timestamp)


def milliseconds(moment: datetime) -> int:
    """Since 1970, exactly: a float's way there loses one now and then."""
    return (moment - _EPOCH) // _MILLISECOND


def event_name(event: Event) -> str:
    """The event's name in the table of events."""
    return _NAMES[type(event)]


def _size(record: Record) -> int:
    size = len(record.key or b"") + len(record.value or b"")
    return size + sum(len(name) + len(content or b"") for name, content in record.headers)


def _dead_letter_headers(letter: Undecodable) -> tuple[tuple[str, bytes], ...]:
    record = letter.record
    return (
        ("dlq-topic", record.topic.encode()),
        ("dlq-partition", b"%d" % record.partition),
        ("dlq-offset", b"%d" % record.offset),
        ("dlq-timestamp", b"%d" % record.timestamp),
        ("dlq-reason", letter.code.encode()),
        ("dlq-message", letter.message.encode()),
        ("dlq-path", letter.path.encode()),
    )
