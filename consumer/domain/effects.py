"""What each command does to a contract that takes it: one function a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from consumer.domain import rules
from consumer.domain.currencies import PAST_CURRENCIES
from consumer.domain.dates import DAY, add_months, iso
from consumer.domain.erasure import erased
from consumer.domain.lifecycle import cancelled
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.model import Rejected, Unchanged
from consumer.domain.schedule import (
    redated,
    renewed_early,
    scheduled,
    with_draft_term,
    with_next_term,
    with_scheduled,
    without_scheduled,
)
from consumer.domain.terms import patched, with_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.domain.lifecycle import Moment
    from schemas.commands import CancelData, ChangePlanData, RenewData, UpdateData
    from schemas.contract import Contract, ScheduledChange
    from schemas.events import Change


class Effect(NamedTuple):
    """The contract as the command leaves it, not yet stamped with version and time."""

    change: Change
    contract: Contract


Result = Effect | Unchanged | Rejected


def update(contract: Contract, data: UpdateData, moment: Moment) -> Result:
    """Merges the patch into the contract; dates follow."""
    changes = cast("Mapping[str, Any]", data["changes"])
    protected, removed = rules.protected(contract, changes), rules.removed(changes)
    refused = removed | protected
    if refused:
        changes = {name: value for name, value in changes.items() if name not in refused}
    after = patched(contract, changes)
    if after == contract and not refused:
        return Unchanged("the contract already is like this")
    after = redated(contract, after, changes, moment.now)
    errors = [mistake(why, "changes", name) for name, why in refused.items()]
    errors += rules.broken(after, changes, "changes")
    errors += rules.broken_dates(after, changes, moment.now, "changes")
    if errors:
        return rejected("protected_field" if protected else "invalid_terms", errors)
    return Effect("updated", after)


def activate(contract: Contract, _data: object, moment: Moment) -> Result:
    """Starts a draft at max(its start, now); a computed end moves along."""
    after = contract | {"status": "active", "start_date": max(contract["start_date"], moment.now)}
    after = with_draft_term(after, {})
    if after["end_date"] > after["start_date"]:
        return Effect("activated", after)
    message = f"the draft's end_date, {iso(after['end_date'])}, is not after its start: move it first"
    return rejected("invalid_terms", [mistake(message)])


def change_plan(contract: Contract, data: ChangePlanData, moment: Moment) -> Result:
    """Changes the plan now, which clears a scheduled plan change, or schedules it."""
    at_renewal = data.get("effective") == "at_renewal"
    if at_renewal and contract["status"] == "draft":
        return Rejected("invalid_transition", "a draft has no renewal yet: change its plan immediately")
    overrides = cast("Mapping[str, Any]", data.get("overrides", {}))
    if errors := rules.broken(overrides, overrides, "overrides"):
        return rejected("invalid_terms", errors)
    if at_renewal:
        return _schedule_plan(contract, data, moment)
    after = with_plan(contract, data["contract_type"], overrides)
    after = after | {"scheduled_changes": without_scheduled(contract, "plan_change")}
    if after == contract:
        return Unchanged("the contract already has this plan, on these terms")
    return Effect("plan_changed", after)


def _schedule_plan(contract: Contract, data: ChangePlanData, moment: Moment) -> Result:
    next_term = contract["term_start" if renewed_early(contract, moment.now) else "end_date"]
    change: ScheduledChange = {
        "kind": "plan_change",
        "effective_at": next_term,
        "contract_type": data["contract_type"],
        "requested_by": moment.by,
        "requested_at": moment.now,
    }
    if overrides := data.get("overrides"):
        change["overrides"] = overrides
    return _schedule(contract, change)


def withdraw_plan_change(contract: Contract, _data: object, _moment: Moment) -> Result:
    """Takes back a scheduled plan change."""
    return _withdraw(contract, "plan_change")


def renew(contract: Contract, data: RenewData, moment: Moment) -> Result:
    """Adds a term from the old end; to an expired contract, from now."""
    if refusal := _may_not_renew(contract, moment):
        return Rejected("invalid_transition", refusal)
    late = contract["status"] == "expired"
    start = moment.now if late else contract["end_date"]
    anchor = start.day if late else contract["lifecycle"]["anchor_day"]
    end = add_months(start, data.get("term_months", contract["term_months"]), anchor)
    if "end_date" in data:
        end = data["end_date"]
        anchor = end.day
    if errors := rules.broken_renewal(data, start, end):
        return rejected("invalid_terms", errors)
    return Effect("renewed", with_next_term(contract, start, end, anchor))


def _may_not_renew(contract: Contract, moment: Moment) -> str | None:
    if contract["status"] == "expired":
        grace = contract["renewal_grace_days"]
        if moment.now - contract["end_date"] > grace * DAY:
            return f"the contract expired more than {grace} days ago: create a new one"
        if contract["currency"] in PAST_CURRENCIES:
            return f"{contract['currency']} is no currency any more: create a new contract"
    elif scheduled(contract, "cancellation"):
        return "the contract's cancellation is scheduled: withdraw it first"
    elif renewed_early(contract, moment.now):
        return "the contract is already renewed, and its new term has not begun"
    return None


def cancel(contract: Contract, data: CancelData, moment: Moment) -> Result:
    """Cancels now, or schedules it for the end of the term."""
    reason = data.get("reason")
    if data.get("effective") != "end_of_term":
        planned = scheduled(contract, "cancellation")
        reason = planned.get("reason") if planned and reason is None else reason
        return Effect("cancelled", cancelled(contract, moment.now, reason))
    if contract["status"] == "draft":
        return Rejected("invalid_transition", "a draft has no term yet: cancel it immediately")
    change: ScheduledChange = {
        "kind": "cancellation",
        "effective_at": contract["end_date"],
        "requested_by": moment.by,
        "requested_at": moment.now,
    }
    if reason is not None:
        change["reason"] = reason
    return _schedule(contract, change)


def withdraw_cancellation(contract: Contract, _data: object, _moment: Moment) -> Result:
    """Takes back a scheduled cancellation; a scheduled plan change lives again."""
    return _withdraw(contract, "cancellation")


def erase(contract: Contract, _data: object, _moment: Moment) -> Result:
    """Removes the personal data. Always a version of its own: it tells that, and when, this was done."""
    lifecycle = contract["lifecycle"] | {"size": 0}
    return Effect("erased", erased(contract) | {"lifecycle": lifecycle})


_SCHEDULED: Final[Mapping[str, Change]] = {
    "plan_change": "plan_change_scheduled",
    "cancellation": "cancellation_scheduled",
}
_WITHDRAWN: Final[Mapping[str, Change]] = {
    "plan_change": "plan_change_withdrawn",
    "cancellation": "cancellation_withdrawn",
}


def _schedule(contract: Contract, change: ScheduledChange) -> Result:
    planned = scheduled(contract, change["kind"])
    if planned and _same(planned, change):
        return Unchanged("exactly this is already scheduled")
    return Effect(_SCHEDULED[change["kind"]], with_scheduled(contract, change))


def _same(planned: ScheduledChange, change: ScheduledChange) -> bool:
    """Whether both do the same, whoever asked for it and when."""
    asked = {"requested_by": change["requested_by"], "requested_at": change["requested_at"]}
    return {**planned, **asked} == change


def _withdraw(contract: Contract, kind: str) -> Result:
    if not scheduled(contract, kind):
        return Unchanged("nothing of the kind is scheduled")
    return Effect(_WITHDRAWN[kind], contract | {"scheduled_changes": without_scheduled(contract, kind)})


EFFECTS: Final[Mapping[str, Callable[[Contract, Any, Moment], Result]]] = {
    "update": update,
    "activate": activate,
    "change_plan": change_plan,
    "withdraw_plan_change": withdraw_plan_change,
    "renew": renew,
    "cancel": cancel,
    "withdraw_cancellation": withdraw_cancellation,
    "erase": erase,
}
"""Every command on a contract that is there, but `delete`, which leaves none, and `advance`."""
