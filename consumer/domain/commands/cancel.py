"""`cancel`: cancel now, or schedule it for the end of the term."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import Effect, on_contract
from consumer.domain.handlers import Move
from consumer.domain.lifecycle import cancelled
from consumer.domain.model import Rejected
from consumer.domain.planning import change_for, plan
from consumer.domain.scheduling import cancellation
from consumer.domain.statuses import RUNNING, in_order

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import CancelData
    from schemas.contract import Contract
    from schemas.scheduled import ScheduledChange


def cancel(contract: Contract, data: CancelData, moment: Moment) -> Result:
    """Cancels now, or schedules it for the end of the term."""
    reason = data.get("reason")
    if data.get("effective") != "end_of_term":
        planned = cancellation(contract)
        reason = planned.get("reason") if planned and reason is None else reason
        return Effect("cancelled", cancelled(contract, moment.now, reason))
    if contract["status"] == "draft":
        return Rejected("invalid_transition", "a draft has no term yet: cancel it immediately")
    change: ScheduledChange = change_for(contract, "cancellation", contract["term_number"] + 1, moment)
    if reason is not None:
        change["reason"] = reason
    return plan(contract, change, "cancellation_scheduled")


HANDLER: Final = on_contract(
    cancel,
    Move("draft", "cancelled", "immediately"),
    *(
        move
        for status in in_order(RUNNING)
        for move in (Move(status, "cancelled", "immediately"), Move(status, status, "end_of_term"))
    ),
    content=("reason",),
)
