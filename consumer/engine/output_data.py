"""The data of events and results, before they are encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, assert_never

from orjson import Fragment

from consumer.domain.model import ABSENT, ERASED, Applied, Changed, FieldChange, Rejected, Unchanged
from schemas.contract import to_json, visible

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.model import Event, Outcome
    from consumer.engine.records import Incoming
    from consumer.storage.protocols import Seen
    from schemas.cloudevents import Envelope
    from schemas.events import RejectionCode

_NO_FIELDS: Final = Fragment(b"[]")


def reference(envelope: Envelope) -> dict[str, str]:
    """How events and results name the command that caused them."""
    return {"id": envelope.id, "source": envelope.source, "type": envelope.type}


def changed_data(event: Changed, fields: Fragment, cause: Incoming, now: datetime) -> dict[str, Any]:
    """The data of a `changed` event; `fields` are its changed fields as JSON."""
    data: dict[str, Any] = {
        "change": event.change,
        "contract": visible(event.contract),
        "changed_fields": fields,
        "version": event.version,
        "effective_at": event.effective_at,
        "occurred_at": now,
        "command": reference(cause.envelope),
        "requested_by": event.by,
    }
    return data if event.reason is None else data | {"reason": event.reason}


def fields_json(event: Event) -> Fragment:
    """The changed fields as JSON, which event and history share; of a notice there are none."""
    if not isinstance(event, Changed) or not event.changed_fields:
        return _NO_FIELDS
    return Fragment(to_json([field_data(change) for change in event.changed_fields]))


def field_data(change: FieldChange) -> dict[str, Any]:
    """One difference as JSON shows it."""
    path, before, after = change
    if after is ERASED:
        return {"path": path, "erased": True}
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
    """The result of a command under the id of another: nobody may take it for done."""
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
