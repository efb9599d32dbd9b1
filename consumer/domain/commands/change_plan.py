"""`change_plan`: now, or scheduled for the next renewal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain import rules
from consumer.domain.changing import Effect, on_contract
from consumer.domain.handlers import Move
from consumer.domain.mistakes import rejected
from consumer.domain.model import Rejected, Unchanged
from consumer.domain.planning import plan
from consumer.domain.schedule import renewed_early, without_scheduled
from consumer.domain.statuses import RUNNING, in_order
from consumer.domain.terms import with_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import ChangePlanData
    from schemas.contract import Contract
    from schemas.parts import ScheduledChange


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
    return plan(contract, change, "plan_change_scheduled")


HANDLER: Final = on_contract(
    change_plan,
    Move("draft", "draft", "immediately"),
    *(Move(status, status) for status in in_order(RUNNING)),
    content=("overrides",),
)
