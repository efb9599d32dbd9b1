"""Terms: merge patches, and what a plan change does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain.amounts import FOUR_DECIMALS, as_on_wire, is_money, rounded
from consumer.domain.catalogue import FIRST, version_of
from schemas.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from consumer.domain.catalogue import Catalogue
    from schemas.contract import Contract


EMPTIED: Final[Mapping[str, Callable[[], Any]]] = {
    name: about.empty for name, about in FIELDS.items() if about.empty is not None
}
"""The values that null sets in fields that every contract has, even if empty."""


_WHOLE: Final = frozenset({"renewal_terms"})
"""Objects that a patch replaces as a whole, like lists: agreed as one, or containing a patch themselves."""


def with_plan(contract: Contract, plan: Mapping[str, Any], catalogue: Catalogue) -> Contract:
    """The contract on another plan: templated terms replaced, then the overrides merged.

    To `custom`, or to the plan it already has, only the overrides count. Another version of the same plan is
    another plan if `plan` names it; a version that it does not name is the first.
    """
    name, version = plan["contract_type"], plan.get("template_version")
    terms: dict[str, Any] = {"contract_type": name}
    if name != contract["contract_type"] or version not in {None, version_of(contract)}:
        terms |= {"template_version": None} | catalogue.terms(name, version or FIRST)
    return patched(patched(contract, terms), plan.get("overrides", {}))


def monthly_total(contract: Contract) -> Decimal:
    """The contract's monthly revenue: the fee and the active add-ons, within the limits of money.

    Commands keep the sum within them, but several uplifts, or a scheduled change after them, may not.
    """
    total = exact_total(contract)
    return total if is_money(total) else as_on_wire(rounded(total, FOUR_DECIMALS))


def exact_total(contract: Contract) -> Decimal:
    """The same, also if it is more than an amount of money can be."""
    add_ons = (each["monthly_fee"] for each in contract["add_ons"] if each.get("active", True))
    return sum(add_ons, start=contract["base_monthly_fee"])


def same_monthly_total(before: Contract, after: Contract) -> bool:
    """Whether the change left alone what the monthly total is made of: then nothing needs to be added up."""
    return before["base_monthly_fee"] is after["base_monthly_fee"] and before["add_ons"] is after["add_ons"]


def patched(contract: Contract, changes: Mapping[str, Any]) -> Contract:
    """The contract after a merge patch. Null empties a list or map that every contract has."""
    merged: Any = merge(cast("Mapping[str, Any]", contract), changes)
    for name, value in changes.items():
        if value is None and name in EMPTIED:
            merged[name] = EMPTIED[name]()
        elif value is not None and name in _WHOLE:
            merged[name] = value
    return cast("Contract", merged)


def merge(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """JSON merge patch (RFC 7396): null removes, objects merge, anything else replaces."""
    merged = {**target}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            old = merged.get(name)
            merged[name] = merge(old if isinstance(old, dict) else {}, value)
        else:
            merged[name] = value
    return merged
