"""`withdraw_offer`: withdraw an offer that was not answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import Effect, on_contract
from consumer.domain.handlers import Move
from consumer.domain.offers import not_open, offer_of, without_offer
from consumer.domain.statuses import RUNNING, in_order

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import WithdrawOfferData
    from schemas.contract import Contract


def withdraw_offer(contract: Contract, data: WithdrawOfferData, _moment: Moment) -> Result:
    """The offer is over; nothing else changes."""
    offer = offer_of(contract, data["offer_id"])
    if offer is None:
        return not_open(data["offer_id"])
    return Effect("offer_withdrawn", without_offer(contract, offer))


HANDLER: Final = on_contract(withdraw_offer, *(Move(status, status) for status in in_order(RUNNING)))
