"""`create`: a new contract, with the template of its type for what is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.domain import rules
from consumer.domain.first_state import filled, terms_of
from consumer.domain.handlers import Move
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.model import Rejected
from consumer.domain.opening import opening
from consumer.domain.phases import broken_phase, change_of, derived_id, with_change
from consumer.domain.schedule import with_window
from consumer.domain.versions import broken_version, with_dated_terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Policy
    from schemas.contract import Contract
    from schemas.events import FieldError
    from schemas.scheduled import Phase


def create(command: Command, moment: Moment, policy: Policy) -> Contract | Rejected:
    """A new contract, with the template of its type for what the command leaves out."""
    terms = terms_of(command)
    catalogue = moment.catalogue
    template = catalogue.terms(terms["contract_type"], catalogue.in_force(moment.now).number)
    contract = filled(command, moment, policy, terms, template or {"features": []})
    contract = with_dated_terms(contract, catalogue, moment.now)
    errors = ([] if template else _missing(terms)) + rules.broken(contract, terms)
    errors += broken_version(terms.get("renewal_terms", {}), moment, "renewal_terms")
    errors += rules.broken_dates(contract, terms, moment.now)
    phases: Sequence[Phase] = command.data.get("phases", ())
    for i, phase in enumerate(phases):
        errors += broken_phase(phase, contract, moment, "phases", i)
    return rejected("invalid_terms", errors) if errors else _phased(with_window(contract), phases, moment)


def _phased(contract: Contract, phases: Sequence[Phase], moment: Moment) -> Contract | Rejected:
    for i, phase in enumerate(phases):
        change_id = phase.get("change_id", derived_id(moment, i + 1))
        after = with_change(contract, change_of(phase, contract, moment, change_id), "phases", i)
        if isinstance(after, Rejected):
            return after
        contract = after
    return contract


def _missing(terms: Mapping[str, Any]) -> list[FieldError]:
    """What a contract without a template must bring."""
    needed = [name for name in ("base_monthly_fee", "usage_limits") if name not in terms]
    errors = [mistake("is required: a custom contract has no template", name) for name in needed]
    if "end_date" not in terms and "term_months" not in terms:
        errors.append(mistake("is required, or term_months: a custom contract has no template", "end_date"))
    return errors


HANDLER: Final = opening(create, "created", Move(None, "draft", "status: draft"), Move(None, "active"))
