"""How a contract comes to be: created from a template, or adopted from an older system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain import adoption, notices, rules
from consumer.domain.dates import add_months, months_between
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.schedule import with_window
from consumer.domain.states import RUNNING
from consumer.domain.terms import TEMPLATES, patched
from schemas.contract import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Policy, Rejected
    from schemas.contract import Continuation, Contract, Lifecycle
    from schemas.events import FieldError

DEFAULT_TERM_MONTHS: Final = 12

_NOT_TERMS: Final = frozenset({"requested_by", "expected_version", "lifecycle"})
"""What a command's data says of the command or of the contract's past, not of its terms."""


def contract_id_of(command: Command, recorded_at: datetime) -> str:
    """The id of the contract that a command creates: the same command always makes the same."""
    return f"contract_{recorded_at:%Y%m%d_%H%M%S}_{command.identity.hex()[:12]}"


def opened_id(command: Command, recorded_at: datetime) -> str:
    """The id that the contract gets which this command opens: an adopted one may bring its own."""
    given: str | None = command.data.get("contract_id") if command.name == "adopt" else None
    return given or contract_id_of(command, recorded_at)


def create(command: Command, moment: Moment, policy: Policy) -> Contract | Rejected:
    """A new contract: what the command leaves out comes from the template of its type."""
    terms = _terms_of(command)
    template = TEMPLATES.get(terms["contract_type"])
    contract = _filled(command, moment, policy, terms, template.terms() if template else {"features": []})
    errors = _missing(terms) + rules.broken(contract, terms)
    errors += rules.broken_dates(contract, terms, moment.now)
    return rejected("invalid_terms", errors) if errors else with_window(contract)


def adopt(command: Command, moment: Moment, policy: Policy) -> Contract | Rejected:
    """A contract as it stands in an older system: nothing is changed, only what is missing is filled in."""
    terms = _terms_of(command)
    contract = _filled(command, moment, policy, terms, {"features": []})
    contract = contract if "renewal_date" in terms else with_window(contract)
    past = {"currency"} if adoption.keeps_past_currency(contract) else set()
    errors = rules.broken(contract, {name: terms[name] for name in terms if name not in past})
    errors += adoption.broken(contract, moment.now)
    errors += adoption.broken_lifecycle(contract, command.data)
    if errors:
        return rejected("invalid_terms", errors)
    if "lifecycle" in command.data:
        return _continued(contract, command.data["lifecycle"])
    return _noticed(contract, moment.now)


OPENINGS: Final[Mapping[str, Callable[[Command, Moment, Policy], Contract | Rejected]]] = {
    "create": create,
    "adopt": adopt,
}
"""The commands that make a contract."""


def _terms_of(command: Command) -> dict[str, Any]:
    return {name: value for name, value in command.data.items() if name not in _NOT_TERMS}


def _missing(terms: Mapping[str, Any]) -> list[FieldError]:
    """What a contract must bring along that has no template."""
    if terms["contract_type"] in TEMPLATES:
        return []
    needed = [name for name in ("base_monthly_fee", "usage_limits") if name not in terms]
    errors = [mistake("is required: a custom contract has no template", name) for name in needed]
    if "end_date" not in terms and "term_months" not in terms:
        errors.append(mistake("is required, or term_months: a custom contract has no template", "end_date"))
    return errors


def _filled(
    command: Command, moment: Moment, policy: Policy, terms: Mapping[str, Any], template: Mapping[str, Any]
) -> Contract:
    """A contract's first state, whole: the terms on top of dates, settings, template and audit fields."""
    defaults = {
        "_id": _object_id(command, moment.recorded_at),
        "contract_id": contract_id_of(command, moment.recorded_at),
        "account_id": command.account_id,
        "contract_type": terms["contract_type"],
        "status": "active",
        **_dates(terms, moment.now),
        "auto_renewal": True,
        "renewal_window_days": policy.renewal_window_days,
        "renewal_grace_days": policy.renewal_grace_days,
        "notice_days": [*policy.notice_days],
        **template,
        "currency": "USD",
        "tags": [],
        "add_ons": [],
        "metadata": {},
        "scheduled_changes": [],
        "created_at": terms.get("updated_at", moment.now),
        "updated_at": moment.now,
        "created_by": moment.by,
        "last_modified_by": moment.by,
        "version": 1,
    }
    contract = patched(cast("Contract", defaults), terms)
    return contract | {"lifecycle": _lifecycle(contract, moment, end_given="end_date" in terms)}


def _dates(terms: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The running term, and how long its renewals are; the renewal date is a placeholder for now."""
    start = terms.get("start_date", now)
    term_start = terms.get("term_start", start)
    if "end_date" in terms:
        end = terms["end_date"]
        months = terms.get("term_months", months_between(term_start, end))
    else:
        months = terms.get("term_months", DEFAULT_TERM_MONTHS)
        end = add_months(start, months, start.day)
    return {
        "start_date": start,
        "end_date": end,
        "term_start": term_start,
        "term_number": 1,
        "renewal_date": end,
        "term_months": months,
    }


def _lifecycle(contract: Contract, moment: Moment, *, end_given: bool) -> Lifecycle:
    return {
        "schema_version": SCHEMA_VERSION,
        "offset": moment.offset,
        "at": moment.now,
        "next_action_at": None,
        "anchor_day": contract["end_date" if end_given else "start_date"].day,
        "end_given": end_given,
        "noticed": None,
        "lapse_noticed": None,
        "size": 0,
    }


def _object_id(command: Command, recorded_at: datetime) -> bytes:
    """The 12 bytes of an ObjectId: seconds, then identity."""
    seconds = int(recorded_at.timestamp()) % 2**32
    return seconds.to_bytes(4, "big") + command.identity[:8]


def _continued(contract: Contract, continuation: Continuation) -> Contract:
    """The contract with what an export of ours tells: which windows were noticed, and which day is kept."""
    lifecycle = {**contract["lifecycle"], **continuation}
    return contract | {"lifecycle": cast("Lifecycle", lifecycle)}


def _noticed(contract: Contract, now: datetime) -> Contract:
    """The contract with the windows already past marked: they are not noticed again."""
    window = notices.next_window(contract, now)
    if contract["status"] not in RUNNING or window is None or notices.window_opens(contract, window) > now:
        return contract
    told = window if notices.lapses(contract) else None
    return contract | {"lifecycle": contract["lifecycle"] | {"noticed": window, "lapse_noticed": told}}
