"""`withdraw_change`: withdraws a scheduled change, by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import Effect, on_contract
from consumer.domain.handlers import Move
from consumer.domain.model import Rejected
from consumer.domain.scheduling import scheduled, without_scheduled
from consumer.domain.statuses import STATUSES

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import WithdrawChangeData
    from schemas.contract import Contract


def withdraw_change(contract: Contract, data: WithdrawChangeData, _moment: Moment) -> Result:
    """Any scheduled change, whichever command scheduled it."""
    change_id = data["change_id"]
    if scheduled(contract, change_id) is None:
        message = f"no change {change_id} is scheduled: it happened, was withdrawn, or there never was one"
        return Rejected("change_not_found", message)
    return Effect(
        "change_withdrawn", contract | {"scheduled_changes": without_scheduled(contract, change_id)}
    )


HANDLER: Final = on_contract(
    withdraw_change, *(Move(name, name) for name, status in STATUSES.items() if status.schedulable)
)
