"""`renew`: a new term, from the end of the old one or, for an expired contract, from now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain import rules
from consumer.domain.changing import Effect, on_contract
from consumer.domain.currencies import PAST_CURRENCIES
from consumer.domain.dates import DAY, add_months
from consumer.domain.handlers import Move
from consumer.domain.mistakes import rejected
from consumer.domain.model import Rejected
from consumer.domain.renewal import at_renewal, next_terms, on_terms
from consumer.domain.schedule import renewed_early, with_next_term
from consumer.domain.scheduling import ending, not_before

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import RenewData
    from schemas.contract import Contract


def renew(contract: Contract, data: RenewData, moment: Moment) -> Result:
    """Adds a term after the end of the old one; for an expired contract, from now.

    Terms for the renewal wait for the beginning of the new term, and for scheduled changes that come first.
    """
    if refusal := _may_not_renew(contract, moment):
        return Rejected("invalid_transition", refusal)
    late = contract["status"] == "expired"
    start = moment.now if late else contract["end_date"]
    anchor = start.day if late else contract["lifecycle"]["anchor_day"]
    months = data.get("term_months", at_renewal(contract, moment.catalogue)["term_months"])
    end = add_months(start, months, anchor)
    if "end_date" in data:
        end = data["end_date"]
        anchor = end.day
    if errors := rules.broken_renewal(data, start, end):
        return rejected("invalid_terms", errors)
    if late:
        contract, terms = not_before(contract, start), next_terms(contract)
        if terms and not _changes_first(contract, start):
            contract = on_terms(contract, terms, contract["term_number"] + 1, moment.catalogue)
    return Effect("renewed", with_next_term(contract, start, end, anchor))


def _changes_first(contract: Contract, start: datetime) -> bool:
    """Whether scheduled changes come before the terms of a late renewal."""
    term = contract["term_number"] + 1
    return any(
        each["from_term"] == term if "from_term" in each else each["effective_at"] == start
        for each in contract["scheduled_changes"]
    )


def _may_not_renew(contract: Contract, moment: Moment) -> str | None:
    if contract["status"] == "expired":
        grace = contract["renewal_grace_days"]
        if moment.now - contract["end_date"] > grace * DAY:
            return f"the contract expired more than {grace} days ago: create a new one"
        if contract["currency"] in PAST_CURRENCIES:
            return f"{contract['currency']} is no currency any more: create a new contract"
    elif ending(contract):
        return "the contract's cancellation is scheduled: withdraw it first"
    elif renewed_early(contract, moment.now):
        return "the contract is already renewed, and its new term has not begun"
    return None


HANDLER: Final = on_contract(
    renew,
    Move("active", "active", "early, once per term"),
    Move("pending_renewal", "active"),
    Move("expired", "active", "within the grace period"),
)
