"""The first state of a contract: the data of the command, and defaults for what it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain.catalogue import TEMPLATE_CURRENCY
from consumer.domain.dates import add_months, months_between
from consumer.domain.model import DEFAULT_THRESHOLDS
from consumer.domain.renewal import with_terms
from consumer.domain.terms import patched
from schemas.contract import SCHEMA_VERSION
from schemas.views import ordered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Policy
    from schemas.contract import Contract, Lifecycle

DEFAULT_TERM_MONTHS: Final = 12

_NOT_TERMS: Final = frozenset({"requested_by", "expected_version", "lifecycle", "phases"})
"""Fields of a command's data that describe the command or the contract's past, and not its terms."""


def contract_id_of(command: Command, recorded_at: datetime) -> str:
    """The id of the contract that a command creates: always the same for the same command."""
    return f"contract_{recorded_at:%Y%m%d_%H%M%S}_{command.identity.hex()[:12]}"


def terms_of(command: Command) -> dict[str, Any]:
    """The fields of a contract in a command's data."""
    return {name: value for name, value in command.data.items() if name not in _NOT_TERMS}


def filled(
    command: Command, moment: Moment, policy: Policy, terms: Mapping[str, Any], template: Mapping[str, Any]
) -> Contract:
    """The complete first state of a contract: terms, dates, settings, template and audit fields."""
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
        **_thresholds(policy),
        **template,
        "currency": TEMPLATE_CURRENCY,
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
    if (agreed := contract.get("renewal_terms")) is not None and "from_term" not in agreed:
        contract = with_terms(contract, agreed, moment.now)
    return ordered(contract | {"lifecycle": _lifecycle(contract, moment, end_given="end_date" in terms)})


def _dates(terms: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The running term, and the length of its renewals; the renewal date is a placeholder here."""
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


def _thresholds(policy: Policy) -> dict[str, Any]:
    """Left out if they are the default, so that contracts from before this field keep the same bytes."""
    thresholds = policy.usage_thresholds
    return {} if thresholds == DEFAULT_THRESHOLDS else {"usage_thresholds": [*thresholds]}


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
