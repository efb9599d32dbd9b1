"""What a model expects: records in the output topics, entries in the history."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from devstack.proof.rendering import plain

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.engine.records import Incoming, Undecodable
    from devstack.proof.records import LogRecord
    from schemas.cloudevents import Envelope

TYPE_PREFIX = "com.easytrade.contract."
TOPIC_OF = {
    "changed": "contracts.changed",
    "expiring": "contracts.expiring",
    "renewal_notice": "contracts.renewal-notices",
    "limit_reached": "contracts.limit-reached",
    "command_result": "contracts.command-results",
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


def event_record(
    name: str,
    data: Any,
    envelope: Envelope,
    account: str,
    record: LogRecord,
    identity: bytes,
    ordinal: int,
) -> Expected:
    """The record of an event or result: the `ordinal`-th that a command's record gave rise to."""
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
