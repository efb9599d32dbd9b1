"""Scheduled changes that do not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from consumer.domain.catalogue import Template, version_of
from consumer.domain.dates import iso
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.model import Rejected
from consumer.domain.scheduling import begin_of, on_plan_by, with_due_times
from schemas.scheduled import MOST_CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from schemas.contract import Contract
    from schemas.parts import RenewalTerms
    from schemas.scheduled import ScheduledChange


def too_many(planned: Sequence[ScheduledChange], *at: str | int) -> Rejected | None:
    """The rejection of one more change if the list is full. `at`: its path in the command."""
    if len(planned) < MOST_CHANGES:
        return None
    why = f"would be one of more than {MOST_CHANGES} scheduled changes: withdraw one first"
    return rejected("invalid_terms", [mistake(why, *at)])


def conflict(change: ScheduledChange, others: Iterable[ScheduledChange]) -> Rejected | None:
    """The rejection of a change that does not go with one that is scheduled; None: it goes with all."""
    for other in others:
        if why := _why(change, other):
            return Rejected("change_conflict", f"{change['change_id']} {why}")
    return None


def _why(change: ScheduledChange, other: ScheduledChange) -> str | None:
    at, others_at, id_ = change["effective_at"], other["effective_at"], other["change_id"]
    if change["kind"] == other["kind"] == "cancellation":
        return f"would be a second cancellation: {id_} is scheduled for {iso(others_at)}"
    if other["kind"] == "cancellation" and at >= others_at:
        return f"would come after {id_}, which cancels the contract at {iso(others_at)}"
    if change["kind"] == "cancellation" and others_at >= at:
        return f"would cancel the contract before {id_}, which is scheduled for {iso(others_at)}"
    if at != others_at:
        return None
    if change["kind"] == other["kind"] == "plan_change":
        return f"would be a second change of plan at {iso(at)}: {id_} is scheduled for then"
    return _both_set(change, other)


def terms_conflict(contract: Contract, named: str) -> Rejected | None:
    """The rejection of renewal terms that would replace what an amendment sets at the same moment."""
    for change, set_ in _replaced(contract, with_due_times(contract)["scheduled_changes"]):
        return Rejected("change_conflict", f"{named} {_sets(set_, change, change['change_id'])}")
    return None


def amendment_conflict(contract: Contract, change: ScheduledChange) -> Rejected | None:
    """The rejection of an amendment that the renewal terms would replace."""
    for _, set_ in _replaced(contract, [change]):
        return Rejected("change_conflict", f"{change['change_id']} {_sets(set_, change, 'renewal_terms')}")
    return None


def _replaced(
    contract: Contract, changes: Iterable[ScheduledChange]
) -> Iterator[tuple[ScheduledChange, str]]:
    """The amendments among changes, with a field that the renewal terms would set again right after them."""
    if (terms := contract.get("renewal_terms")) is None:
        return
    at = begin_of(contract, terms["from_term"])
    patch = _patch(contract, terms, at)
    for change in changes:
        if change["kind"] != "amendment" or change["effective_at"] != at:
            continue
        if set_ := _shared(_terms(change), patch):
            yield change, set_


def _patch(contract: Contract, terms: RenewalTerms, at: datetime) -> Mapping[str, Any]:
    """What renewal terms set, apart from an uplift, which is of the fee after the amendment."""
    asked = cast("Mapping[str, Any]", terms)
    patch = {**asked.get("overrides", {})}
    patch |= {name: asked[name] for name in ("base_monthly_fee", "term_months") if name in asked}
    held, own = on_plan_by(contract, at)["contract_type"], version_of(contract)
    plan = asked.get("contract_type", held)
    if plan not in {"custom", held} or asked.get("template_version", own) != own:
        patch |= dict.fromkeys(Template._fields)
    return patch


def _both_set(change: ScheduledChange, other: ScheduledChange) -> str | None:
    """The order of two changes at one moment must make no difference."""
    set_ = _shared(_terms(change), _terms(other))
    return _sets(set_, change, other["change_id"]) if set_ else None


def _sets(set_: str, change: ScheduledChange, other: str) -> str:
    return f"would set {set_} at {iso(change['effective_at'])}, as {other} does"


def _shared(patch: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """A field that both patches set."""
    for path in _paths(patch):
        for taken in _paths(other):
            if path[: len(taken)] == taken[: len(path)]:
                return ".".join(path if len(path) < len(taken) else taken)
    return None


def _terms(change: ScheduledChange) -> Mapping[str, Any]:
    return change.get("changes") or change.get("overrides") or {}


def _paths(patch: Mapping[str, Any], *above: str) -> Iterator[tuple[str, ...]]:
    for name, value in patch.items():
        if isinstance(value, dict) and value:
            yield from _paths(value, *above, name)
        else:
            yield (*above, name)
