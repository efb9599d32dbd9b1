"""Decisions -> records to publish. Deterministic: the same command at the same place gives the same bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, assert_never

from consumer.domain.model import (
    ABSENT,
    Applied,
    Changed,
    Expiring,
    FieldChange,
    Rejected,
    RenewalNotice,
    Unchanged,
)
from consumer.pipeline.records import forwarded_headers
from producers.recordbatches import Output
from schemas.cloudevents import event_headers
from schemas.contract import to_json, visible
from schemas.events import EVENTS
from schemas.topics import DEAD_LETTERS

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.model import Event, Outcome
    from consumer.pipeline.records import Incoming, Misplaced, Record, Undecodable
    from consumer.storage.protocols import Seen
    from schemas.cloudevents import Envelope

DEAD_LETTER_PREFIX: Final = "dlq-"

MAX_DEAD_LETTER_BYTES: Final = 900_000
"""A larger record is dead-lettered as a pointer: with our headers it might not fit into the topic."""


_NAMES: Final = {Changed: "changed", Expiring: "expiring", RenewalNotice: "renewal_notice"}


class Encoder:
    """Writes the outputs of one input partition; all go to the partition of the same number."""

    def __init__(self, partition: int, *, topic_prefix: str = "") -> None:
        self._partition = partition
        self._event_topics = {name: topic_prefix + spec.topic for name, spec in EVENTS.items()}
        self._dead_letters = topic_prefix + DEAD_LETTERS

    def event(self, event: Event, cause: Incoming, identity: bytes, ordinal: int, now: datetime) -> Output:
        """One event; `identity` is that of its history entry, `ordinal` its place in that entry."""
        match event:
            case Changed():
                return self._record("changed", changed_data(event, cause, now), cause, identity, ordinal, now)
            case Expiring(notice):
                return self._record("expiring", notice, cause, identity, ordinal, now)
            case RenewalNotice(notice):
                return self._record("renewal_notice", notice, cause, identity, ordinal, now)
            case _:
                assert_never(event)

    def result(
        self, result: dict[str, Any], cause: Incoming, identity: bytes, ordinal: int, now: datetime
    ) -> Output:
        """What became of a command: the last of its outputs."""
        return self._record("command_result", result, cause, identity, ordinal, now)

    def _record(
        self, name: str, data: Any, cause: Incoming, identity: bytes, ordinal: int, now: datetime
    ) -> Output:
        return self._published(
            name, data, cause.envelope, cause.command.account_id, cause.record, identity, ordinal, now
        )

    def _published(
        self,
        name: str,
        data: Any,
        envelope: Envelope,
        account_id: str,
        record: Record,
        identity: bytes,
        ordinal: int,
        now: datetime,
    ) -> Output:
        headers = event_headers(
            name,
            identity=identity,
            ordinal=ordinal,
            offset=record.offset,
            subject=account_id,
            time=now,
            cause=envelope,
        )
        timestamp = int(now.timestamp() * 1000)
        topic = self._event_topics[name]
        return Output(topic, self._partition, account_id.encode(), to_json(data), headers, timestamp)

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

    def dead_letter_result(self, letter: Undecodable, identity: bytes, now: datetime) -> Output | None:
        """The answer to the sender of a dead letter, when its identity could be read."""
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
        return self._published(
            "command_result", result, letter.envelope, letter.account_id, letter.record, identity, 0, now
        )


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


def reference(envelope: Envelope) -> dict[str, str]:
    """How events and results name the command that caused them."""
    return {"id": envelope.id, "source": envelope.source, "type": envelope.type}


def changed_data(event: Changed, cause: Incoming, now: datetime) -> dict[str, Any]:
    """The data of a `changed` event."""
    return {
        "change": event.change,
        "contract": visible(event.contract),
        "changed_fields": [changed_field(change) for change in event.changed_fields],
        "version": event.version,
        "effective_at": event.effective_at,
        "occurred_at": now,
        "command": reference(cause.envelope),
        "requested_by": event.by,
    }


def changed_field(change: FieldChange) -> dict[str, Any]:
    """One difference as JSON shows it."""
    path, before, after = change
    difference = {"path": path}
    if before is not ABSENT:
        difference["before"] = before
    if after is not ABSENT:
        difference["after"] = after
    return difference


def result_data(outcome: Outcome, cause: Incoming, now: datetime) -> dict[str, Any]:
    """The data of a `command_result`, without the contract's id and version."""
    data: dict[str, Any] = {"command": reference(cause.envelope), "processed_at": now}
    match outcome:
        case Applied():
            data["outcome"] = "applied"
        case Unchanged(message):
            data["outcome"] = "unchanged"
            if message:
                data["message"] = message
        case Rejected(code, message, errors):
            data |= {"outcome": "rejected", "code": code, "message": message}
            if errors:
                data["errors"] = list(errors)
        case _:
            assert_never(outcome)
    return data


def duplicate_data(seen: Seen, cause: Incoming, now: datetime) -> dict[str, Any]:
    """The result of a command that was seen before: it names what became of the first."""
    first = f"{seen.outcome} ({seen.code})" if seen.code else seen.outcome
    data = {
        "command": reference(cause.envelope),
        "outcome": "duplicate",
        "message": f"seen before; its outcome was: {first}",
        "processed_at": now,
    }
    if seen.code:
        data["code"] = seen.code
    return data
