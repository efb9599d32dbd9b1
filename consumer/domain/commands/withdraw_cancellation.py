"""`withdraw_cancellation`: withdraw a scheduled cancellation. A scheduled plan change counts again."""

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


def withdraw_cancellation(contract: Contract, _data: object, _moment: Moment) -> Result:
    """Removes the scheduled cancellation."""
    return take_back(contract, "cancellation", "cancellation_withdrawn")


HANDLER: Final = on_contract(withdraw_cancellation, *(Move(status, status) for status in in_order(RUNNING)))
