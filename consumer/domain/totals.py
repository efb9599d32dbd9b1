"""What a contract brings a month must be an amount of money, too.

The fee and each add-on have at most 15 digits, but their sum may have more. A JSON number would round it, and
readers that check amounts would refuse the event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.domain.amounts import is_money
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.offers import offers
from consumer.domain.renewal import at_renewal, next_terms, with_change_made
from consumer.domain.terms import exact_total
from schemas.types import MAX_SIGNIFICANT_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from consumer.domain.catalogue import Catalogue
    from consumer.domain.model import Rejected
    from schemas.contract import Contract


def too_long_total(before: Contract | None, after: Contract, catalogue: Catalogue) -> Rejected | None:
    """The rejection of a contract whose monthly total is no amount of money, now or once it has other terms.

    A total that the contract had before the command is no reason: it must stay possible to cancel it.
    """
    if before is not None and _same_amounts(before, after):
        return None
    wrong = {total for total in _totals(after, catalogue) if not is_money(total)}
    if wrong and before is not None:
        wrong -= set(_totals(before, catalogue))
    if not wrong:
        return None
    message = f"fee and active add-ons would be {max(wrong):f} a month: more than an amount can be"
    return rejected("invalid_terms", [mistake(f"{message}, {MAX_SIGNIFICANT_DIGITS} digits")])


def _same_amounts(before: Contract, after: Contract) -> bool:
    """Whether a command changed nothing that totals come from; most change none of it."""
    return (
        before["base_monthly_fee"] == after["base_monthly_fee"]
        and before["add_ons"] == after["add_ons"]
        and before["scheduled_changes"] == after["scheduled_changes"]
        and before.get("renewal_terms") == after.get("renewal_terms")
        and before.get("offers") == after.get("offers")
    )


def _totals(contract: Contract, catalogue: Catalogue) -> Iterator[Decimal]:
    """The total now, after each scheduled change, at the renewal, and with each offer."""
    yield exact_total(contract)
    after = contract
    for change in contract["scheduled_changes"]:
        if change["kind"] != "cancellation":
            after = with_change_made(after, change, catalogue)
            yield exact_total(after)
    terms = [offer["terms"] for offer in offers(contract)]
    if (agreed := next_terms(contract)) is not None:
        terms.append(agreed)
    for each in terms:
        renewing = contract | {"renewal_terms": each | {"from_term": contract["term_number"] + 1}}
        yield exact_total(at_renewal(renewing, catalogue))
