"""`withdraw_plan_change`: a scheduled plan change is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import on_contract
from consumer.domain.handlers import Move
from consumer.domain.planning import take_back
from consumer.domain.statuses import STATUSES

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.contract import Contract


def withdraw_plan_change(contract: Contract, _data: object, _moment: Moment) -> Result:
    """Nothing of the kind stays scheduled."""
    return take_back(contract, "plan_change", "plan_change_withdrawn")


HANDLER: Final = on_contract(
    withdraw_plan_change,
    *(Move(name, name) for name, status in STATUSES.items() if "plan_change" in status.schedulable),
)
