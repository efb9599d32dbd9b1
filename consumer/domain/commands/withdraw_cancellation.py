"""`withdraw_cancellation`: a scheduled cancellation is taken back; a scheduled plan change lives again."""

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


def withdraw_cancellation(contract: Contract, _data: object, _moment: Moment) -> Result:
    """Nothing of the kind stays scheduled."""
    return take_back(contract, "cancellation", "cancellation_withdrawn")


HANDLER: Final = on_contract(
    withdraw_cancellation,
    *(Move(name, name) for name, status in STATUSES.items() if "cancellation" in status.schedulable),
)
