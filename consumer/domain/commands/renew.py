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
from consumer.domain.schedule import renewed_early, scheduled, with_next_term

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import RenewData
    from schemas.contract import Contract


def renew(contract: Contract, data: RenewData, moment: Moment) -> Result:
    """Adds a term from the old end; to an expired contract, from now."""
    if refusal := _may_not_renew(contract, moment):
        return Rejected("invalid_transition", refusal)
    late = contract["status"] == "expired"
    start = moment.now if late else contract["end_date"]
    anchor = start.day if late else contract["lifecycle"]["anchor_day"]
    end = add_months(start, data.get("term_months", contract["term_months"]), anchor)
    if "end_date" in data:
        end = data["end_date"]
        anchor = end.day
    if errors := rules.broken_renewal(data, start, end):
        return rejected("invalid_terms", errors)
    return Effect("renewed", with_next_term(contract, start, end, anchor))


def _may_not_renew(contract: Contract, moment: Moment) -> str | None:
    if contract["status"] == "expired":
        grace = contract["renewal_grace_days"]
        if moment.now - contract["end_date"] > grace * DAY:
            return f"the contract expired more than {grace} days ago: create a new one"
        if contract["currency"] in PAST_CURRENCIES:
            return f"{contract['currency']} is no currency any more: create a new contract"
    elif scheduled(contract, "cancellation"):
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
