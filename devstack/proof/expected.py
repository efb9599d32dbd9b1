"""What a model expects: records in the output topics, entries in the history."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from devstack.proof.rendering import letter_content, plain, reference

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.engine.records import Incoming, Undecodable
    from devstack.proof.records import LogRecord
    from schemas.cloudevents import Envelope

STATE = "contracts.state"
TYPE_PREFIX = "com.easytrade.contract."
TOPIC_OF = {
    "changed": "contracts.changed",
    "expiring": "contracts.expiring",
    "renewal_notice": "contracts.renewal-notices",
    "limit_reached": "contracts.limit-reached",
    "command_result": "contracts.command-results",
    "state": STATE,
}


class Expected(NamedTuple):
    """One record that must be in an output topic, once. `id` is unique among all outputs."""

    id: str
    topic: str
    partition: int
    account: str
    key: bytes | None
    headers: dict[str, str | None]
    data: Any
    """Parsed JSON; of dead letters the value's bytes."""


class Entry(NamedTuple):
    """One entry that must be in the history."""

    partition: int
    offset: int
    occurred_at: datetime
    outcome: str
    code: str | None = None
    account_id: str | None = None
    contract_id: str | None = None
    version: int | None = None
    type: str | None = None
    source: str | None = None
    command_id: str | None = None
    requested_by: str | None = None
    changes: Any = None
    content: bytes | None = None
    number: int | None = None
    chain: bytes | None = None
    details_hash: bytes | None = None


def event_record(
    name: str,
    data: Any,
    envelope: Envelope,
    account: str,
    record: LogRecord,
    identity: bytes,
    ordinal: int,
) -> Expected:
    """The record of an event or result: number `ordinal` of those of a command's record."""
    type_ = f"{TYPE_PREFIX}{name}.v1"
    ce_id = sha256(identity + f"{type_}/{ordinal}".encode()).hexdigest()[:32]
    headers: dict[str, str | None] = {
        "ce_specversion": "1.0",
        "ce_id": ce_id,
        "ce_type": type_,
        "ce_subject": account,
        "ce_partitionkey": account,
        "ce_sequence": f"{record.sequence:019d}.{ordinal:05d}",
        "ce_causationid": envelope.id,
        "ce_correlationid": envelope.correlationid,
        "content-type": "application/json",
    }
    return Expected(ce_id, TOPIC_OF[name], record.partition, account, account.encode(), headers, plain(data))


def result_record(
    result: dict[str, Any],
    envelope: Envelope,
    account: str,
    record: LogRecord,
    identity: bytes,
    ordinal: int,
    now: datetime,
) -> Expected:
    """The record of a command's result."""
    known = {name: value for name, value in result.items() if value is not None}
    data = {"command": reference(envelope), "processed_at": now, **known}
    return event_record("command_result", data, envelope, account, record, identity, ordinal)


def letter_record(letter: Undecodable, record: LogRecord) -> Expected:
    """The record of a dead letter."""
    headers, key, value = letter_content(letter, record)
    return Expected(
        f"dead letter {record.place}@{record.timestamp}",
        "contracts.dead-letters",
        record.partition,
        letter.account_id or "",
        key,
        headers,
        value,
    )


def repeated_outcome(first: Entry, incoming: Incoming) -> dict[str, Any]:
    """The outcome of a command with an id that was seen before."""
    named = f"{first.outcome} ({first.code})" if first.code else first.outcome
    result: dict[str, Any] = {"contract_id": first.contract_id, "version": first.version}
    if first.content in (None, incoming.content):
        message = f"seen before; its outcome was: {named}"
        result |= {"outcome": "duplicate", "code": first.code, "message": message}
    else:
        message = f"this id is another command's, whose outcome was: {named}; send this one under a new id"
        result |= {"outcome": "rejected", "code": "id_reused", "message": message}
    return result


def command_entry(incoming: Incoming, record: LogRecord, result: dict[str, Any], now: datetime) -> Entry:
    """The history entry of a command."""
    command = incoming.command
    return Entry(
        record.partition,
        record.sequence,
        now,
        result["outcome"],
        result.get("code"),
        command.account_id,
        result.get("contract_id"),
        result.get("version"),
        command.name,
        command.source,
        command.id,
        command.data.get("requested_by"),
    )


def letter_entry(letter: Undecodable, record: LogRecord, now: datetime) -> Entry:
    """The history entry of a dead letter."""
    envelope = letter.envelope
    return Entry(
        record.partition,
        record.sequence,
        now,
        "dead_letter",
        letter.code,
        letter.account_id,
        type=envelope.type.removeprefix(TYPE_PREFIX) if envelope else None,
        source=envelope.source if envelope else None,
        command_id=envelope.id if envelope else None,
    )
