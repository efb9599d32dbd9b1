"""What version 0.1 left out of what it stored and published: a later one does not add it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consumer.domain.model import Verdict

NOT_TOLD = ("recurring", "proration")
NOT_SCHEDULED = ("change_id", "from_term")
READ_VERSION = 2


def as_of_version01(verdict: Verdict) -> Verdict:
    """The contracts of a verdict without the mark of who paid before, in the shape of their time."""
    return verdict._replace(contract=_as_stored(verdict.contract), former=_as_stored(verdict.former))


def as_told(data: Any) -> Any:
    """The data of an event, or what the history keeps of it, as version 0.1 told it."""
    return _without_ids(without(data, *NOT_TOLD))


def as_read(contract: Any) -> Any:
    """A stored contract as a later version reads it: all that was scheduled was for the next term."""
    if contract is None or contract["lifecycle"]["schema_version"] == READ_VERSION:
        return contract
    changes = [{**each, **_named(each, contract)} for each in contract["scheduled_changes"]]
    lifecycle = contract["lifecycle"] | {"schema_version": READ_VERSION}
    return contract | {"scheduled_changes": changes, "lifecycle": lifecycle}


def _named(change: Any, contract: Any) -> Any:
    running = contract["term_number"]
    begins = change["kind"] == "plan_change" and change["effective_at"] == contract["term_start"]
    return {"change_id": change["kind"], "from_term": running if begins else running + 1}


def without(document: Any, *names: str) -> Any:
    """A document without some fields."""
    return {name: value for name, value in document.items() if name not in names}


def _as_stored(contract: Any) -> Any:
    if contract is None:
        return None
    lifecycle = without(contract["lifecycle"], "has_paid") | {"schema_version": 1}
    return _without_ids(contract) | {"lifecycle": lifecycle}


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        scheduled = value.keys() >= {"change_id", "effective_at"}
        left = without(value, *NOT_SCHEDULED) if scheduled else value
        return {name: _without_ids(part) for name, part in left.items()}
    return [_without_ids(part) for part in value] if isinstance(value, list) else value
