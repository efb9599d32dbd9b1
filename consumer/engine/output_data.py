"""The data of events and results, before they are encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from consumer.domain.model import ABSENT, ERASED, Applied, Changed, FieldChange, Rejected, Unchanged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from consumer.domain.model import Event, Outcome
    from consumer.engine.records import Incoming
    from consumer.storage.history import Seen
    from schemas.cloudevents import Envelope
    from schemas.events import ChangedField, RejectionCode


def reference(envelope: Envelope) -> dict[str, str]:
    """The reference to a command in its events and result."""
    return {"id": envelope.id, "source": envelope.source, "type": envelope.type}


def changed_data(
    event: Changed, contract: Any, fields: Sequence[ChangedField], cause: Incoming, now: datetime
) -> dict[str, Any]:
    """The data of a `changed` event: the contract as it shows it, and the fields that it changed."""
    data: dict[str, Any] = {
        "change": event.change,
        "contract": contract,
        "changed_fields": fields,
        "version": event.version,
        "effective_at": event.effective_at,
        "occurred_at": now,
        "command": reference(cause.envelope),
        "requested_by": event.by,
        "recurring": event.recurring,
    }
    if event.reason is not None:
        data["reason"] = event.reason
    if event.proration is not None:
        data["proration"] = event.proration
    return data


def changed_fields(event: Event) -> list[ChangedField]:
    """The changed fields of an event, as in event and history; a notice changes none."""
    return [field_data(change) for change in event.changed_fields] if isinstance(event, Changed) else []


def field_data(change: FieldChange) -> ChangedField:
    """One difference, as in event and history."""
    path, before, after = change
    if after is ERASED:
        return {"path": path, "erased": True}
    difference: ChangedField = {"path": path}
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
    """The result of a duplicate, with the outcome of the first command."""
    data = {
        "command": reference(cause.envelope),
        "outcome": "duplicate",
        "message": f"seen before; its outcome was: {_first(seen)}",
        "processed_at": now,
    }
    if seen.code:
        data["code"] = seen.code
    return data


def reused_data(seen: Seen, cause: Incoming, now: datetime) -> dict[str, Any]:
    """The rejection of a command whose id another command had: its sender must not take it for applied."""
    was = f"this id is another command's, whose outcome was: {_first(seen)}"
    code: RejectionCode = "id_reused"
    return {
        "command": reference(cause.envelope),
        "outcome": "rejected",
        "code": code,
        "message": f"{was}; send this one under a new id",
        "processed_at": now,
    }


def _first(seen: Seen) -> str:
    return f"{seen.outcome} ({seen.code})" if seen.code else seen.outcome
