"""`decline_offer`: the customer declines an offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import Effect, on_contract
from consumer.domain.handlers import Move
from consumer.domain.offers import not_open, offer_of, without_offer
from consumer.domain.statuses import RUNNING, in_order

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import DeclineOfferData
    from schemas.contract import Contract


def decline_offer(contract: Contract, data: DeclineOfferData, _moment: Moment) -> Result:
    """The offer is over; nothing else changes."""
    offer = offer_of(contract, data["offer_id"])
    if offer is None:
        return not_open(data["offer_id"])
    return Effect("offer_declined", without_offer(contract, offer))


HANDLER: Final = on_contract(decline_offer, *(Move(status, status) for status in in_order(RUNNING)))
