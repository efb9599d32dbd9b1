"""`change_plan`: change the plan now, or schedule it for the next renewal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain import rules
from consumer.domain.changing import Effect, on_contract
from consumer.domain.handlers import Move
from consumer.domain.mistakes import rejected
from consumer.domain.model import Rejected, Unchanged
from consumer.domain.planning import change_for, plan, same
from consumer.domain.renewal import without_plan
from consumer.domain.schedule import next_term
from consumer.domain.scheduling import scheduled, without_scheduled
from consumer.domain.statuses import RUNNING, in_order
from consumer.domain.terms import with_plan
from consumer.domain.versions import broken_version, dated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import ChangePlanData
    from schemas.contract import Contract
    from schemas.scheduled import ScheduledChange


def change_plan(contract: Contract, data: ChangePlanData, moment: Moment) -> Result:
    """Changes the plan now, which removes a scheduled plan change, or schedules it."""
    at_renewal = data.get("effective") == "at_renewal"
    if at_renewal and contract["status"] == "draft":
        return Rejected("invalid_transition", "a draft has no renewal yet: change its plan immediately")
    overrides = cast("Mapping[str, Any]", data.get("overrides", {}))
    if errors := [*broken_version(data, moment), *rules.broken(overrides, overrides, "overrides")]:
        return rejected("invalid_terms", errors)
    if at_renewal:
        return _schedule_plan(contract, data, moment)
    asked = dated(cast("Mapping[str, Any]", data), contract, moment.catalogue, moment.now)
    after = without_plan(with_plan(contract, asked, moment.catalogue))
    after = after | {"scheduled_changes": without_scheduled(contract, "plan_change")}
    if after == contract:
        return Unchanged("the contract already has this plan, on these terms")
    return Effect("plan_changed", after)


def _schedule_plan(contract: Contract, data: ChangePlanData, moment: Moment) -> Result:
    term = next_term(contract, moment.now)
    change: ScheduledChange = change_for(
        contract, "plan_change", term, moment, contract_type=data["contract_type"]
    )
    if "template_version" in data:
        change["template_version"] = data["template_version"]
    if overrides := data.get("overrides"):
        change["overrides"] = overrides
    planned = scheduled(contract, "plan_change")
    if planned and same(planned, dated(change, contract, moment.catalogue, planned["requested_at"])):
        return Unchanged("exactly this is already scheduled")  # in the version of the first time
    change = dated(change, contract, moment.catalogue, moment.now)
    return plan(without_plan(contract), change, "plan_change_scheduled")


HANDLER: Final = on_contract(
    change_plan,
    Move("draft", "draft", "immediately"),
    *(Move(status, status) for status in in_order(RUNNING)),
    content=("overrides",),
)
