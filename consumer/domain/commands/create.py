"""`create`: a new contract; what is left out comes from the template of its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.domain import rules
from consumer.domain.first_state import filled, terms_of
from consumer.domain.handlers import Move
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.opening import opening
from consumer.domain.schedule import with_window
from consumer.domain.terms import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Policy, Rejected
    from schemas.contract import Contract
    from schemas.events import FieldError


def create(command: Command, moment: Moment, policy: Policy) -> Contract | Rejected:
    """A new contract: what the command leaves out comes from the template of its type."""
    terms = terms_of(command)
    template = TEMPLATES.get(terms["contract_type"])
    contract = filled(command, moment, policy, terms, template.terms() if template else {"features": []})
    errors = _missing(terms) + rules.broken(contract, terms)
    errors += rules.broken_dates(contract, terms, moment.now)
    return rejected("invalid_terms", errors) if errors else with_window(contract)


def _missing(terms: Mapping[str, Any]) -> list[FieldError]:
    """What a contract must bring along that has no template."""
    if terms["contract_type"] in TEMPLATES:
        return []
    needed = [name for name in ("base_monthly_fee", "usage_limits") if name not in terms]
    errors = [mistake("is required: a custom contract has no template", name) for name in needed]
    if "end_date" not in terms and "term_months" not in terms:
        errors.append(mistake("is required, or term_months: a custom contract has no template", "end_date"))
    return errors


HANDLER: Final = opening(create, "created", Move(None, "draft", "status: draft"), Move(None, "active"))
