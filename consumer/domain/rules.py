"""Rules across fields and state, beyond what the schema of each field says. Each finds every mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.domain.currencies import CURRENCIES
from consumer.domain.dates import iso
from consumer.domain.mistakes import mistake
from consumer.domain.statuses import ENDED, STATUSES
from consumer.domain.terms import EMPTIED
from schemas.about import MUTABILITIES
from schemas.fields import FIELDS, MUTABLE, OPTIONAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from schemas.commands import RenewData
    from schemas.contract import Contract
    from schemas.events import FieldError
    from schemas.types import StatusName

    Rule = Callable[..., Iterator[FieldError]]

MAX_METADATA: Final = 50

MUTABLE_IN: Final[Mapping[StatusName, frozenset[str]]] = {
    name: frozenset(
        field
        for field, about in FIELDS.items()
        if about.mutable in MUTABILITIES[: MUTABILITIES.index(status.mutable) + 1]
    )
    for name, status in STATUSES.items()
}
"""The fields that an update may set, by status."""


def protected(contract: Contract, changes: Mapping[str, Any]) -> dict[str, str]:
    """The fields that an update must not set, or not in this status, and why."""
    status = contract["status"]
    mutable = MUTABLE_IN[status]
    if mutable.issuperset(changes):
        return {}
    return {name: _why_protected(name, status) for name in changes if name not in mutable}


def _why_protected(name: str, status: StatusName) -> str:
    if name not in MUTABLE:
        return "is protected: an update cannot set it"
    if status in ENDED:
        return f"cannot be changed any more: the contract is {status}"
    if FIELDS[name].mutable == "in_draft":
        return "can be changed in a draft only"
    return f"cannot be changed while the contract is {status}"


def removed(changes: Mapping[str, Any]) -> dict[str, str]:
    """Required fields that null would remove."""
    return {
        name: "is required: it cannot be removed"
        for name, value in changes.items()
        if value is None and name in MUTABLE and name not in OPTIONAL and name not in EMPTIED
    }


def broken(terms: Mapping[str, Any], touched: Iterable[str], *at: str | int) -> list[FieldError]:
    """The rules that the changed terms break. `at` maps a field to its path in the command."""
    return [
        error
        for name in touched
        if name in _RULES and terms.get(name) is not None
        for error in _RULES[name](terms[name], *at, name)
    ]


def broken_dates(contract: Contract, touched: Mapping[str, Any], now: datetime, *at: str) -> list[FieldError]:
    """The mistakes in the running term after a command. A draft's computed end is never in the past."""
    if not _DATES.isdisjoint(touched):
        end, start = contract["end_date"], contract["term_start"]
        if "end_date" in touched:
            return _broken_end(end, start, now, *at)
        if end <= start:
            return [mistake(f"must be earlier than the end of the term, {iso(end)}", *at, "start_date")]
        if end <= now and contract["status"] != "draft":
            why = f"lies too far back: the first term would have ended {iso(end)}"
            return [mistake(why, *at, "start_date")]
    return []


_DATES: Final = frozenset({"start_date", "end_date"})


def _broken_end(end: datetime, start: datetime, now: datetime, *at: str) -> list[FieldError]:
    errors = []
    if end <= start:
        errors.append(mistake(f"must be later than the start of the term, {iso(start)}", *at, "end_date"))
    if end <= now:
        errors.append(mistake(f"must lie ahead: now is {iso(now)}", *at, "end_date"))
    return errors


def broken_renewal(data: RenewData, start: datetime, end: datetime) -> list[FieldError]:
    """The mistakes in the term that a renewal requests."""
    errors = []
    if "term_months" in data and "end_date" in data:
        errors.append(mistake("cannot stand beside end_date: give one of them", "term_months"))
    if end <= start:
        path = ["end_date"] if "end_date" in data else []
        errors.append(mistake(f"must be later than the start of the new term, {iso(start)}", *path))
    return errors


def _tiers(lower: str, upper: str) -> Rule:
    def rule(tiers: Sequence[Mapping[str, Any]], *at: str | int) -> Iterator[FieldError]:
        taken: Any = 0
        for i, tier in enumerate(tiers):
            low, high = tier[lower], tier[upper]
            if low < taken:
                yield mistake(f"must not be less than {taken}, where the tier before ends", *at, i, lower)
            if high is None and i < len(tiers) - 1:
                yield mistake("only the last tier may be open", *at, i, upper)
            if high is not None and high <= low:
                yield mistake(f"must be greater than {lower}, {low}", *at, i, upper)
            taken = low if high is None else high

    return rule


_volume_tiers = _tiers("min_trades", "max_trades")
_value_tiers = _tiers("min_value", "max_value")


def _pricing(pricing: Mapping[str, Any], *at: str | int) -> Iterator[FieldError]:
    yield from _volume_tiers(pricing.get("trade_volume_tiers", ()), *at, "trade_volume_tiers")
    yield from _value_tiers(pricing.get("trade_value_tiers", ()), *at, "trade_value_tiers")


def _add_ons(add_ons: Sequence[Mapping[str, Any]], *at: str | int) -> Iterator[FieldError]:
    names: set[str] = set()
    for i, add_on in enumerate(add_ons):
        if (name := add_on["name"]) in names:
            yield mistake(f"is the name of another add-on, too: {name!r}", *at, i, "name")
        names.add(name)


def _renewal_terms(terms: Mapping[str, Any], *at: str | int) -> Iterator[FieldError]:
    if terms.keys() <= {"from_term"}:
        yield mistake("says nothing that a renewal would change: null removes it", *at)
    if "uplift_percent" in terms and "base_monthly_fee" in terms:
        yield mistake("cannot stand beside base_monthly_fee: give one of them", *at, "uplift_percent")
    if "cap" in terms and "uplift_percent" not in terms:
        yield mistake("limits an uplift: give uplift_percent, too", *at, "cap")
    overrides = terms.get("overrides", {})
    for name in ("overrides", "template_version"):
        if name in terms and "contract_type" not in terms:
            yield mistake("belongs to a plan: give contract_type, too", *at, name)
    if "base_monthly_fee" in terms and "base_monthly_fee" in overrides:
        yield mistake("stands beside the overrides: give one of them", *at, "overrides", "base_monthly_fee")
    yield from broken(overrides, overrides, *at, "overrides")


def _offers(offers: Sequence[Mapping[str, Any]], *at: str | int) -> Iterator[FieldError]:
    ids: set[str] = set()
    for i, offer in enumerate(offers):
        if offer["offer_id"] in ids:
            yield mistake("is the id of another offer, too", *at, i, "offer_id")
        ids.add(offer["offer_id"])
        yield from _renewal_terms(offer["terms"], *at, i, "terms")


def _currency(code: str, *at: str | int) -> Iterator[FieldError]:
    if code not in CURRENCIES:
        yield mistake(f"is not a currency of ISO 4217: {code!r}", *at)


def _metadata(metadata: Mapping[str, str], *at: str | int) -> Iterator[FieldError]:
    if len(metadata) > MAX_METADATA:
        yield mistake(f"may have {MAX_METADATA} entries, and would have {len(metadata)}", *at)


_RULES: Final[Mapping[str, Rule]] = {
    "usage_based_pricing": _pricing,
    "add_ons": _add_ons,
    "currency": _currency,
    "renewal_terms": _renewal_terms,
    "terms": _renewal_terms,
    "offers": _offers,
    "metadata": _metadata,
}
