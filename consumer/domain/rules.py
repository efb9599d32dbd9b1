"""Rules across fields and state, beyond what the schema of each field says.

Each finds every mistake, by JSON Pointer, in words that can be shown to whoever sent the command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.domain.currencies import CURRENCIES
from consumer.domain.dates import iso
from consumer.domain.differences import pointer
from consumer.domain.states import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from schemas.contract import Contract
    from schemas.events import FieldError

SUMMARY: Final = "the terms break the rules of a contract"

MAX_METADATA: Final = 50

_ALWAYS_MUTABLE: Final = frozenset(
    {"primary_contact", "billing_contact", "notes", "tags", "external_reference", "metadata"}
)
_MUTABLE_RUNNING: Final = _ALWAYS_MUTABLE | {
    "end_date",
    "auto_renewal",
    "term_months",
    "renewal_window_days",
    "renewal_grace_days",
    "notice_days",
    "base_monthly_fee",
    "usage_based_pricing",
    "usage_limits",
    "features",
    "add_ons",
    "sla_terms",
}
_MUTABLE_DRAFT: Final = _MUTABLE_RUNNING | {"start_date", "currency"}
MUTABLE: Final[Mapping[str, frozenset[str]]] = {
    "draft": _MUTABLE_DRAFT,
    "active": _MUTABLE_RUNNING,
    "pending_renewal": _MUTABLE_RUNNING,
    "expired": _ALWAYS_MUTABLE,
    "cancelled": _ALWAYS_MUTABLE,
}
"""What an update may set, by status."""

_OPTIONAL: Final = frozenset(
    {"usage_based_pricing", "primary_contact", "billing_contact", "sla_terms", "notes", "external_reference"}
)
EMPTY: Final[Mapping[str, Any]] = {"features": [], "tags": [], "add_ons": [], "metadata": {}}
"""What null leaves of the fields that are always there, but may be empty."""


def protected(contract: Contract, changes: Mapping[str, Any]) -> list[FieldError]:
    """The fields that no update may set, or not in this status."""
    mutable = MUTABLE[contract["status"]]
    if mutable.issuperset(changes):
        return []
    return [
        _error(_why_protected(contract, name), "changes", name) for name in changes if name not in mutable
    ]


def _why_protected(contract: Contract, name: str) -> str:
    if name not in _MUTABLE_DRAFT:
        return "is protected: no update may set it"
    status = contract["status"]
    if status in ENDED:
        return f"cannot be changed any more: the contract is {status}"
    return "can be changed in a draft only"


def required(changes: Mapping[str, Any]) -> list[FieldError]:
    """The nulls on fields that every contract has."""
    return [
        _error("is required: it cannot be removed", "changes", name)
        for name, value in changes.items()
        if value is None and name not in _OPTIONAL and name not in EMPTY and name in _MUTABLE_DRAFT
    ]


def broken(terms: Mapping[str, Any], touched: Mapping[str, Any], *at: str) -> list[FieldError]:
    """What the touched fields break, as they stand in `terms`."""
    return [
        error
        for name in touched
        if (rule := _RULES.get(name)) and name in terms
        for error in rule(terms[name], *at, name)
    ]


def term(contract: Contract, now: datetime, *path: str) -> list[FieldError]:
    """Whether a term that a command sets has an end after its start, and ahead."""
    errors = []
    if contract["end_date"] <= contract["term_start"]:
        errors.append(_error(f"must end after the start of the term, {iso(contract['term_start'])}", *path))
    if contract["end_date"] <= now:
        errors.append(_error(f"must end in the future: it is {iso(now)}", *path))
    return errors


def _tiers(lower: str, upper: str) -> Callable[..., Iterator[FieldError]]:
    def rule(tiers: list[Mapping[str, Any]], *at: str) -> Iterator[FieldError]:
        reached: Any = None
        for i, tier in enumerate(tiers):
            low, high = tier[lower], tier[upper]
            if reached is not None and low < reached:
                yield _error(f"must not lie below {reached}, where the tier before ends", *at, i, lower)
            if high is None and i < len(tiers) - 1:
                yield _error("only the last tier may be open", *at, i, upper)
            elif high is not None and high <= low:
                yield _error(f"must be greater than {lower}, {low}", *at, i, upper)
            reached = low if high is None else high

    return rule


_volume_tiers = _tiers("min_trades", "max_trades")
_value_tiers = _tiers("min_value", "max_value")


def _pricing(pricing: Mapping[str, Any], *at: str) -> Iterator[FieldError]:
    yield from _volume_tiers(pricing.get("trade_volume_tiers", ()), *at, "trade_volume_tiers")
    yield from _value_tiers(pricing.get("trade_value_tiers", ()), *at, "trade_value_tiers")


def _unique(items: list[str], *at: str) -> Iterator[FieldError]:
    if len(set(items)) != len(items):
        yield from (
            _error(f"is there twice: {item!r}", *at, i) for i, item in enumerate(items) if item in items[:i]
        )


def _add_ons(add_ons: list[Mapping[str, Any]], *at: str) -> Iterator[FieldError]:
    names = [each["name"] for each in add_ons]
    if len(set(names)) != len(names):
        for i, name in enumerate(names):
            if name in names[:i]:
                yield _error(f"another add-on has this name: {name!r}", *at, i, "name")


def _currency(code: str, *at: str) -> Iterator[FieldError]:
    if code not in CURRENCIES:
        yield _error(f"is not a currency of ISO 4217: {code!r}", *at)


def _metadata(metadata: Mapping[str, str], *at: str) -> Iterator[FieldError]:
    if len(metadata) > MAX_METADATA:
        yield _error(f"may have {MAX_METADATA} entries, and would have {len(metadata)}", *at)


_RULES: Final[Mapping[str, Callable[..., Iterator[FieldError]]]] = {
    "usage_based_pricing": _pricing,
    "features": _unique,
    "tags": _unique,
    "add_ons": _add_ons,
    "currency": _currency,
    "metadata": _metadata,
}


def _error(message: str, *path: str | int) -> FieldError:
    return {"path": pointer(*path), "message": message}
