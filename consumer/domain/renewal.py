"""What a renewal changes: the terms agreed for it, and the fee computed from them.

An automatic renewal applies them together with the new term. After an early renewal they take effect when the
new term begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain.amounts import as_on_wire, payable
from consumer.domain.schedule import next_term
from consumer.domain.scheduling import begin_of, until, until_renewal
from consumer.domain.terms import patched, with_plan
from consumer.domain.versions import dated, without_terms_version
from schemas.scheduled import RESERVED_IDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from consumer.domain.catalogue import Catalogue
    from schemas.contract import Contract
    from schemas.parts import RenewalTerms, ToldTerms
    from schemas.scheduled import ScheduledChange

_STANDING: Final = ("uplift_percent", "cap")
"""The terms of a renewal that also apply to later ones; the others apply once."""


_OF_A_PLAN: Final = frozenset({"contract_type", "template_version", "overrides"})


def with_terms(contract: Contract, terms: RenewalTerms, now: datetime) -> Contract:
    """The contract with terms for its renewals, from the next term or from a later one."""
    first = next_term(contract, now)
    dated: RenewalTerms = {"from_term": max(terms.get("from_term", first), first)}
    return contract | {"renewal_terms": dated | terms | dated}


def agreed(contract: Contract, terms: RenewalTerms, now: datetime) -> Contract:
    """The same after a command. If the terms name a plan, it replaces a scheduled plan change."""
    after = with_terms(contract, terms, now)
    if "contract_type" not in terms:
        return after
    term = after["renewal_terms"]["from_term"]
    left = [each for each in contract["scheduled_changes"] if not _replaced(each, term)]
    return after | {"scheduled_changes": left}


def _replaced(change: ScheduledChange, term: int) -> bool:
    """Whether a plan in renewal terms replaces it: a change of `change_plan`, or one for their term."""
    if change["kind"] != "plan_change":
        return False
    return change["change_id"] in RESERVED_IDS or change.get("from_term") == term


def without_plan(contract: Contract) -> Contract:
    """The contract with its renewal terms, without their plan: another plan was chosen."""
    terms = contract.get("renewal_terms", {})
    if "contract_type" not in terms:
        return contract
    contract = without_terms_version(contract)
    left = {name: value for name, value in terms.items() if name not in _OF_A_PLAN}
    if left.keys() <= {"from_term"}:
        return cast("Contract", {name: value for name, value in contract.items() if name != "renewal_terms"})
    return contract | {"renewal_terms": cast("RenewalTerms", left)}


def without_plan_for(contract: Contract, term: int) -> Contract:
    """The same if its renewal terms are for this term."""
    terms = contract.get("renewal_terms")
    return without_plan(contract) if terms and terms["from_term"] == term else contract


def terms_for(contract: Contract, term: int) -> RenewalTerms | None:
    """The terms for a term that are not in effect yet; None: there are none."""
    terms = contract.get("renewal_terms")
    return terms if terms and terms["from_term"] <= term else None


def next_terms(contract: Contract) -> RenewalTerms | None:
    """The terms of the next renewal."""
    return terms_for(contract, contract["term_number"] + 1)


def on_terms(contract: Contract, terms: RenewalTerms, term: int, catalogue: Catalogue) -> Contract:
    """The contract with these terms in effect, from the beginning of a term."""
    after = contract
    if "contract_type" in terms:
        plan = cast("Mapping[str, Any]", terms)
        if terms["contract_type"] != contract["contract_type"]:
            plan = {"template_version": contract["lifecycle"].get("terms_version"), **plan}
        after = without_terms_version(with_plan(contract, plan, catalogue))
    changed: dict[str, Any] = dict(after) | {"base_monthly_fee": _fee(after, terms)}
    changed["term_months"] = terms.get("term_months", contract["term_months"])
    if "uplift_percent" in terms:
        left: dict[str, Any] = {"from_term": term + 1}
        changed["renewal_terms"] = left | {name: terms[name] for name in _STANDING if name in terms}
    else:
        changed.pop("renewal_terms", None)
    return cast("Contract", changed)


def at_renewal(contract: Contract, catalogue: Catalogue) -> Contract:
    """The contract with the terms of its next term, but the dates and number of the running one."""
    return at_term(contract, contract["term_number"] + 1, catalogue)


def at_term(contract: Contract, term: int, catalogue: Catalogue) -> Contract:
    """The same for the next term to begin: after an early renewal, that is the present one."""
    after = contract
    for change in until(contract, begin_of(contract, term)):
        after = with_change_made(after, change, catalogue)
    terms = terms_for(contract, term)
    return on_terms(after, terms, term, catalogue) if terms else after


def with_change_made(contract: Contract, change: ScheduledChange, catalogue: Catalogue) -> Contract:
    """The contract on the terms of a scheduled change of plan, or of an amendment."""
    if change["kind"] == "plan_change":
        # Another plan without a version: the contract had this plan when it was requested, and left it since.
        asked = dated(change, contract, catalogue, change["requested_at"])
        return with_plan(contract, asked, catalogue)
    return patched(contract, cast("Any", change["changes"]))


def changes_ahead(contract: Contract) -> bool:
    """Whether its next term will have other terms, as far as that is agreed."""
    return next_terms(contract) is not None or bool(until_renewal(contract))


def terms_for_notice(contract: Contract, catalogue: Catalogue) -> ToldTerms | None:
    """What a notice says of the renewal's terms; None: nothing is agreed that it would be repeated for.

    A plan change of `change_plan` alone does not count: no notice was repeated for it in version 0.1.
    """
    planned = any(each["change_id"] not in RESERVED_IDS for each in until_renewal(contract))
    return terms_ahead(contract, catalogue) if planned or next_terms(contract) else None


def terms_ahead(contract: Contract, catalogue: Catalogue) -> ToldTerms:
    """The terms of the next term, as a notice says them."""
    ahead = at_renewal(contract, catalogue)
    return {
        "contract_type": ahead["contract_type"],
        "base_monthly_fee": ahead["base_monthly_fee"],
        "term_months": ahead["term_months"],
    }


def _fee(contract: Contract, terms: RenewalTerms) -> Decimal:
    """The fee after the renewal. An uplift never lowers it, neither by its cap nor by rounding."""
    fee = contract["base_monthly_fee"]
    if "uplift_percent" not in terms:
        return terms.get("base_monthly_fee", fee)
    currency = contract["currency"]
    raised = payable(fee * (100 + terms["uplift_percent"]) / 100, currency)
    if "cap" in terms:
        raised = min(raised, payable(terms["cap"], currency, down=True))
    return max(fee, as_on_wire(raised))
