"""Verdicts as the wire and the history show them: written from SPEC, apart from the service's encoder."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from consumer.domain.model import (
    ABSENT,
    ERASED,
    Changed,
    Expiring,
    LimitReached,
    Rejected,
    RenewalNotice,
    Unchanged,
)

if TYPE_CHECKING:
    from consumer.domain.model import Event, Verdict
    from consumer.engine.records import Incoming, Undecodable
    from devstack.proof.records import LogRecord
    from schemas.cloudevents import Envelope

LARGEST_DEAD_LETTER = 900_000
_NOTICES: dict[type, str] = {
    Expiring: "expiring",
    RenewalNotice: "renewal_notice",
    LimitReached: "limit_reached",
}
_KEPT: dict[type, tuple[str, ...]] = {
    Expiring: ("expiring", "window_days"),
    RenewalNotice: ("renewal", "window_days"),
    LimitReached: ("limit_reached", "period", "metric", "threshold"),
}


def reference(envelope: Envelope) -> dict[str, str]:
    """How events name the command that caused them."""
    return {"id": envelope.id, "source": envelope.source, "type": envelope.type}


def outcome_data(verdict: Verdict) -> dict[str, Any]:
    outcome = verdict.outcome
    result: dict[str, Any] = {"outcome": "applied"}
    if isinstance(outcome, Unchanged):
        result = {"outcome": "unchanged", "message": outcome.message or None}
    elif isinstance(outcome, Rejected):
        result = {"outcome": "rejected", "code": outcome.code, "message": outcome.message}
        result["errors"] = list(outcome.errors) or None
    subject = verdict.contract or verdict.former
    if subject is not None:
        result |= {"contract_id": subject["contract_id"], "version": subject["version"]}
    return result


def event_data(event: Event, incoming: Incoming, now: datetime) -> tuple[str, Any]:
    if isinstance(event, Changed):
        data: dict[str, Any] = {
            "change": event.change,
            "contract": _shown(event.contract),
            "changed_fields": [_field(*each) for each in event.changed_fields],
            "version": event.version,
            "effective_at": event.effective_at,
            "occurred_at": now,
            "command": reference(incoming.envelope),
            "requested_by": event.by,
            "recurring": event.recurring,
        }
        if event.change == "deleted" and "reason" in incoming.command.data:
            data["reason"] = incoming.command.data["reason"]
        if event.proration is not None:
            data["proration"] = event.proration
        return "changed", data
    return _NOTICES[type(event)], event.notice


def state_data(verdict: Verdict, position: str) -> Any:
    """What the topic of states says after a decision that changed the contract; None: there is none."""
    if verdict.contract is None:
        return None
    shown = _shown(verdict.contract)
    return {"contract": shown, "version": shown["version"], "position": position}


def _shown(contract: Any) -> dict[str, Any]:
    return {name: value for name, value in contract.items() if name not in ("_id", "lifecycle")}


def _field(path: str, before: Any, after: Any) -> dict[str, Any]:
    if before is ERASED:
        return {"path": path, "erased": True}
    sides = {"before": before, "after": after}
    return {"path": path} | {name: value for name, value in sides.items() if value is not ABSENT}


def kept(event: Event) -> Any:
    """What the history keeps of an event."""
    if not isinstance(event, Changed):
        notice: Any = event.notice
        name, *parts = _KEPT[type(event)]
        return {"notice": name} | {part: notice[part] for part in (*parts, "effective_at")}
    entry: dict[str, Any] = {
        "change": event.change,
        "version": event.version,
        "effective_at": event.effective_at,
        "fields": [_field(*each) for each in event.changed_fields],
    }
    if event.by == "lifecycle":
        entry["by"] = event.by
    if event.reason is not None:
        entry["reason"] = event.reason
    if event.change == "adopted":
        entry["stamps"] = {name: event.contract[name] for name in ("updated_at", "last_modified_by")}
    return entry


def plain(value: Any) -> Any:
    """A domain value as JSON readers see it."""
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dict():
            return {name: plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case _:
            return value


def letter_content(
    letter: Undecodable, record: LogRecord
) -> tuple[dict[str, str | None], bytes | None, bytes | None]:
    """Headers, key and value of a dead letter: the record's own and the reason, or a pointer to it."""
    reason: dict[str, str | None] = {
        "dlq-topic": record.topic,
        "dlq-partition": str(record.partition),
        "dlq-offset": str(record.offset),
        "dlq-timestamp": str(record.timestamp),
        "dlq-reason": letter.code,
        "dlq-message": letter.message,
        "dlq-path": letter.path,
    }
    key, value = record.key, record.value
    contents = [key, value, *(part for _, part in record.headers)]
    size = sum(map(len, filter(None, contents))) + sum(len(name) for name, _ in record.headers)
    if size > LARGEST_DEAD_LETTER:
        digest = sha256(value or b"").hexdigest()
        pointer = {"dlq-value-bytes": str(len(value or b"")), "dlq-value-sha256": digest}
        return reason | pointer, key if key and len(key) < LARGEST_DEAD_LETTER else None, None
    own = {
        name: None if part is None else part.decode("utf-8", "surrogateescape")
        for name, part in record.headers
    }
    kept = {name: part for name, part in own.items() if not name.startswith("dlq-")}
    return kept | reason, key, value
