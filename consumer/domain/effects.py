"""What each command does to a contract that is there, once it may: one function a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from consumer.domain import rules
from consumer.domain.dates import DAY, add_months
from consumer.domain.lifecycle import Moment, cancelled
from consumer.domain.model import Rejected, Unchanged
from consumer.domain.schedule import (
    redate,
    renewed_early,
    scheduled,
    unscheduled,
    with_draft_term,
    with_next_term,
)
from consumer.domain.terms import merge, with_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.commands import (
        ActivateData,
        CancelData,
        ChangePlanData,
        DeleteData,
        RenewData,
        UpdateData,
        WithdrawCancellationData,
        WithdrawPlanChangeData,
    )
    from schemas.contract import Contract, ScheduledChange
    from schemas.events import Change


class Effect(NamedTuple):
    """The contract as the command leaves it, not yet stamped with version and time."""

    change: Change
    contract: Contract


Result = Effect | Unchanged | Rejected


def update(contract: Contract, command: UpdateData, moment: Moment) -> Result:
    changes = cast("Mapping[str, Any]", command["changes"])
    if errors := rules.protected(contract, changes):
        return Rejected("protected_field", "the update sets fields that it may not set", errors)
    if errors := rules.required(changes):
        return Rejected("invalid_terms", rules.SUMMARY, errors)
    after = cast("Contract", merge(cast("Mapping[str, Any]", contract), changes))
    if after == contract:
        return Unchanged("the contract already is like this")
    after = redate(contract, after, changes, moment.now)
    if errors := rules.broken(cast("Mapping[str, Any]", after), changes, "changes"):
        return Rejected("invalid_terms", rules.SUMMARY, errors)
    return Effect("updated", after)


def activate(contract: Contract, command: ActivateData, moment: Moment) -> Result:
    after = contract | {"status": "active", "start_date": max(contract["start_date"], moment.now)}
    after = with_draft_term(after, {})
    if errors := rules.term(after, moment.now):
        return Rejected("invalid_terms", "the draft would end before it starts: move its end_date", errors)
    return Effect("activated", after)


def change_plan(contract: Contract, command: ChangePlanData, moment: Moment) -> Result:
    overrides = command.get("overrides", {})
    if errors := rules.broken(overrides, overrides, "overrides"):
        return Rejected("invalid_terms", rules.SUMMARY, errors)
    if command.get("effective") == "at_renewal":
        return _schedule_plan(contract, command, moment)
    after = with_plan(contract, command["contract_type"], overrides)
    after = after | {"scheduled_changes": unscheduled(contract, "plan_change")}
    if after == contract:
        return Unchanged("the contract already has this plan on these terms")
    return Effect("plan_changed", after)


def _schedule_plan(contract: Contract, command: ChangePlanData, moment: Moment) -> Result:
    if contract["status"] == "draft":
        return Rejected("invalid_transition", "a draft has no renewal: change its plan immediately")
    change: ScheduledChange = {
        "kind": "plan_change",
        "effective_at": contract["term_start" if renewed_early(contract, moment.now) else "end_date"],
        "contract_type": command["contract_type"],
        "requested_by": moment.by,
        "requested_at": moment.now,
    }
    if "overrides" in command:
        change["overrides"] = command["overrides"]
    if _same(scheduled(contract, "plan_change"), change):
        return Unchanged("this plan change is already scheduled")
    return Effect("plan_change_scheduled", _with_scheduled(contract, change))


def withdraw_plan_change(contract: Contract, command: WithdrawPlanChangeData, moment: Moment) -> Result:
    if not scheduled(contract, "plan_change"):
        return Unchanged("no plan change is scheduled")
    left = unscheduled(contract, "plan_change")
    return Effect("plan_change_withdrawn", contract | {"scheduled_changes": left})


def renew(contract: Contract, command: RenewData, moment: Moment) -> Result:
    if refusal := _may_not_renew(contract, moment):
        return Rejected("invalid_transition", refusal)
    late = contract["status"] == "expired"
    start = moment.now if late else contract["end_date"]
    anchor = start.day if late else contract["lifecycle"]["anchor_day"]
    if "end_date" in command:
        end, anchor = command["end_date"], command["end_date"].day
    else:
        end = add_months(start, command.get("term_months", contract["term_months"]), anchor)
    after = with_next_term(contract, start, end, anchor)
    if errors := rules.term(after, moment.now, "end_date"):
        return Rejected("invalid_terms", rules.SUMMARY, errors)
    return Effect("renewed", after)


def _may_not_renew(contract: Contract, moment: Moment) -> str | None:
    if contract["status"] == "expired":
        grace = contract["renewal_grace_days"]
        if moment.now - contract["end_date"] > grace * DAY:
            return f"the contract expired more than its {grace} days of grace ago: create a new one"
    elif scheduled(contract, "cancellation"):
        return "the contract's cancellation is scheduled: withdraw it first"
    elif renewed_early(contract, moment.now):
        return "the contract is already renewed: its next term has not begun"
    return None


def cancel(contract: Contract, command: CancelData, moment: Moment) -> Result:
    reason = command.get("reason")
    if command.get("effective") != "end_of_term":
        planned = scheduled(contract, "cancellation")
        return Effect(
            "cancelled",
            cancelled(contract, moment.now, reason or (planned.get("reason") if planned else None)),
        )
    if contract["status"] == "draft":
        return Rejected("invalid_transition", "a draft has no running term: cancel it immediately")
    change: ScheduledChange = {
        "kind": "cancellation",
        "effective_at": contract["end_date"],
        "requested_by": moment.by,
        "requested_at": moment.now,
    }
    if reason is not None:
        change["reason"] = reason
    if _same(scheduled(contract, "cancellation"), change):
        return Unchanged("the contract's cancellation is already scheduled")
    return Effect("cancellation_scheduled", _with_scheduled(contract, change))


def withdraw_cancellation(contract: Contract, command: WithdrawCancellationData, moment: Moment) -> Result:
    if not scheduled(contract, "cancellation"):
        return Unchanged("no cancellation is scheduled")
    left = unscheduled(contract, "cancellation")
    return Effect("cancellation_withdrawn", contract | {"scheduled_changes": left})


def delete(contract: Contract, command: DeleteData, moment: Moment) -> Result:
    return Effect("deleted", contract)


def _with_scheduled(contract: Contract, change: ScheduledChange) -> Contract:
    return contract | {"scheduled_changes": [*unscheduled(contract, change["kind"]), change]}


def _same(planned: ScheduledChange | None, change: ScheduledChange) -> bool:
    """Whether both would do the same, whoever asked and when."""
    asked = {"requested_by", "requested_at"}
    return planned is not None and all(
        planned.get(name) == change.get(name) for name in (planned.keys() | change.keys()) - asked
    )


EFFECTS: Final[Mapping[str, Callable[[Contract, Any, Moment], Result]]] = {
    "update": update,
    "activate": activate,
    "change_plan": change_plan,
    "withdraw_plan_change": withdraw_plan_change,
    "renew": renew,
    "cancel": cancel,
    "withdraw_cancellation": withdraw_cancellation,
    "delete": delete,
}
