"""The list of scheduled changes of a contract: what is in it, in which order, and when each is due.

A change has a moment of its own, or it happens at the beginning of a term. Then its moment moves with the
contract's dates; for a term after the next one it is computed from the present length of terms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.dates import add_months

if TYPE_CHECKING:
    from datetime import datetime

    from schemas.contract import Contract
    from schemas.scheduled import ChangeKind, ScheduledChange

_ORDER: Final[tuple[ChangeKind, ...]] = ("plan_change", "amendment", "cancellation")
"""Of changes at one moment: an amendment changes the terms of the plan that the contract has then."""


def scheduled(contract: Contract, change_id: str) -> ScheduledChange | None:
    """The scheduled change of an id."""
    for each in contract["scheduled_changes"]:
        if each["change_id"] == change_id:
            return each
    return None


def with_scheduled(contract: Contract, change: ScheduledChange) -> Contract:
    """The contract with a change scheduled; it replaces an earlier one of the same id."""
    changes = [*without_scheduled(contract, change["change_id"]), change]
    return contract | {"scheduled_changes": sorted(changes, key=_order)}


def without_scheduled(contract: Contract, change_id: str) -> list[ScheduledChange]:
    """The scheduled changes without the one of an id."""
    return [each for each in contract["scheduled_changes"] if each["change_id"] != change_id]


def with_due_times(contract: Contract) -> Contract:
    """The contract with each scheduled change at the moment that its dates now give it, in order of time."""
    changes = contract["scheduled_changes"]
    if not changes:
        return contract
    rescheduled = sorted((_rescheduled(contract, each) for each in changes), key=_order)
    return contract if rescheduled == changes else contract | {"scheduled_changes": rescheduled}


def not_before(contract: Contract, start: datetime) -> Contract:
    """The contract with changes whose moment passed before it runs moved to its start."""
    changes = [
        each if "from_term" in each or each["effective_at"] >= start else each | {"effective_at": start}
        for each in contract["scheduled_changes"]
    ]
    return contract | {"scheduled_changes": changes}


def begin_of(contract: Contract, term: int) -> datetime:
    """When a term begins; the running term for earlier ones."""
    ahead = term - contract["term_number"]
    if ahead <= 0:
        return contract["term_start"]
    months = contract["term_months"] * (ahead - 1)
    end = contract["end_date"]
    return add_months(end, months, contract["lifecycle"]["anchor_day"]) if months else end


def cancellation(contract: Contract) -> ScheduledChange | None:
    """The scheduled cancellation, whenever it is due."""
    return next((each for each in contract["scheduled_changes"] if each["kind"] == "cancellation"), None)


def ending(contract: Contract) -> ScheduledChange | None:
    """The cancellation that ends the contract in the running term or with it."""
    planned = cancellation(contract)
    return planned if planned and planned["effective_at"] <= contract["end_date"] else None


def until_renewal(contract: Contract) -> list[ScheduledChange]:
    """The changes of terms that happen until the next term has begun, in order."""
    return until(contract, contract["end_date"])


def until(contract: Contract, moment: datetime) -> list[ScheduledChange]:
    """The changes of terms that happen until a moment, and at it."""
    return [
        each
        for each in contract["scheduled_changes"]
        if each["kind"] != "cancellation" and each["effective_at"] <= moment
    ]


def on_plan_by(contract: Contract, at: datetime) -> Contract:
    """The contract with the plan that it will have after the changes before a moment."""
    for each in contract["scheduled_changes"]:
        if each["kind"] == "plan_change" and each["effective_at"] < at:
            contract = contract | {"contract_type": each["contract_type"]}
    return contract


def _rescheduled(contract: Contract, change: ScheduledChange) -> ScheduledChange:
    if "from_term" not in change:
        return change
    at = begin_of(contract, change["from_term"])
    return change if at == change["effective_at"] else change | {"effective_at": at}


def _order(change: ScheduledChange) -> tuple[datetime, int]:
    return change["effective_at"], _ORDER.index(change["kind"])
