"""Offers for the next renewal. Each is open until answered, withdrawn, or ended at `valid_until`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain.model import Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.contract import Contract
    from schemas.parts import Offer

MOST: Final = 5
"""Maximum number of open offers."""


def offers(contract: Contract) -> Sequence[Offer]:
    """The open offers, in the order in which they were made."""
    return contract.get("offers", ())


def offer_of(contract: Contract, offer_id: str) -> Offer | None:
    """The open offer with an id."""
    return next((each for each in offers(contract) if each["offer_id"] == offer_id), None)


def with_offer(contract: Contract, offer: Offer) -> Contract:
    """The contract with one more offer."""
    return contract | {"offers": [*offers(contract), offer]}


def without_offer(contract: Contract, offer: Offer) -> Contract:
    """The contract without one of its offers."""
    left = [each for each in offers(contract) if each["offer_id"] != offer["offer_id"]]
    return contract | {"offers": left} if left else without_offers(contract)


def without_offers(contract: Contract) -> Contract:
    """The contract without offers: they end with it."""
    if "offers" not in contract:
        return contract
    others: dict[str, Any] = {name: value for name, value in contract.items() if name != "offers"}
    return cast("Contract", others)


def soonest(contract: Contract) -> Offer | None:
    """The offer that ends first."""
    return min(offers(contract), key=lambda offer: offer["valid_until"], default=None)


def not_open(offer_id: str) -> Rejected:
    """The rejection for an offer that is not open."""
    message = f"no offer {offer_id} is open: it was answered or withdrawn, it is over, or there never was one"
    return Rejected("offer_not_found", message)
