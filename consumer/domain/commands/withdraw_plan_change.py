"""`withdraw_plan_change`: withdraw a scheduled plan change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import on_contract
from consumer.domain.handlers import Move
from consumer.domain.planning import take_back
from consumer.domain.statuses import RUNNING, in_order

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.contract import Contract


def withdraw_plan_change(contract: Contract, _data: object, _moment: Moment) -> Result:
    """Removes the scheduled plan change."""
    return take_back(contract, "plan_change", "plan_change_withdrawn")


HANDLER: Final = on_contract(
    withdraw_plan_change, *(Move(status, status) for status in in_order({*RUNNING, "expired"}))
)
