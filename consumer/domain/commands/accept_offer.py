"""`accept_offer`: the terms of an offer take effect, at the next renewal or immediately."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import Effect, on_contract
from consumer.domain.conflicts import terms_conflict
from consumer.domain.handlers import Move
from consumer.domain.offers import not_open, offer_of, without_offer
from consumer.domain.renewal import agreed, on_terms
from consumer.domain.statuses import RUNNING, in_order
from consumer.domain.versions import with_dated_terms

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import AcceptOfferData
    from schemas.contract import Contract


def accept_offer(contract: Contract, data: AcceptOfferData, moment: Moment) -> Result:
    """Removes the offer, and its terms replace the contract's renewal terms."""
    offer = offer_of(contract, data["offer_id"])
    if offer is None:
        return not_open(data["offer_id"])
    after = agreed(without_offer(contract, offer), offer["terms"], moment.now)
    after = with_dated_terms(after, moment.catalogue, offer["requested_at"])
    if data.get("effective") == "immediately":
        after = on_terms(after, after["renewal_terms"], after["term_number"], moment.catalogue)
    elif refusal := terms_conflict(after, offer["offer_id"]):
        return refusal
    return Effect("offer_accepted", after)


HANDLER: Final = on_contract(accept_offer, *(Move(status, status) for status in in_order(RUNNING)))
