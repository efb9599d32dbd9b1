"""`offer_renewal`: terms for the next renewal that wait for the customer's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain import rules
from consumer.domain.changing import Effect, on_contract
from consumer.domain.dates import iso
from consumer.domain.handlers import Move
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.model import Unchanged
from consumer.domain.offers import MOST, offer_of, offers, with_offer
from consumer.domain.statuses import RUNNING, in_order
from consumer.domain.versions import broken_version, dated, dated_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import OfferRenewalData
    from schemas.contract import Contract
    from schemas.events import FieldError
    from schemas.parts import Offer


def offer_renewal(contract: Contract, data: OfferRenewalData, moment: Moment) -> Result:
    """Nothing of the contract's terms changes before it is accepted."""
    present = offer_of(contract, data["offer_id"])
    if present and _same(present, data):
        return Unchanged("exactly this is offered already")
    if errors := [*_broken(contract, data, moment)]:
        return rejected("invalid_terms", errors)
    offer: Offer = {
        "offer_id": data["offer_id"],
        "terms": dated(data["terms"], contract, moment.catalogue, moment.now),
        "valid_until": data["valid_until"],
        "requested_by": moment.by,
        "requested_at": moment.now,
    }
    return Effect("renewal_offered", with_offer(contract, offer))


def _same(present: Offer, data: OfferRenewalData) -> bool:
    terms = dated_as(data["terms"], present["terms"])
    return (present["terms"], present["valid_until"]) == (terms, data["valid_until"])


def _broken(contract: Contract, data: OfferRenewalData, moment: Moment) -> Iterator[FieldError]:
    if offer_of(contract, data["offer_id"]):
        yield mistake("is the id of another open offer: withdraw that first, or take another id", "offer_id")
    elif len(offers(contract)) == MOST:
        yield mistake(f"would be one of more than {MOST} open offers: withdraw one first", "offer_id")
    if data["valid_until"] <= moment.now:
        yield mistake(f"must lie ahead: now is {iso(moment.now)}", "valid_until")
    terms = cast("Mapping[str, Any]", data)
    yield from rules.broken(terms, ("terms",))
    yield from broken_version(data["terms"], moment, "terms")


HANDLER: Final = on_contract(
    offer_renewal, *(Move(status, status) for status in in_order(RUNNING)), content=("terms", "offer_id")
)
