"""Terms: the template of each contract type, merge patches, and what a plan change does."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from schemas.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.contract import Contract
    from schemas.types import ContractTypeName


class Template(NamedTuple):
    """What a contract of a type gets where the command does not say. Values are copied."""

    base_monthly_fee: Decimal
    usage_limits: Mapping[str, Any]
    features: tuple[str, ...]

    def terms(self) -> dict[str, Any]:
        """The template as fields of a contract."""
        return {
            "base_monthly_fee": self.base_monthly_fee,
            "usage_limits": {**self.usage_limits},
            "features": [*self.features],
        }


TEMPLATE_CURRENCY: Final = "USD"
"""What the fees of the templates are in: the currency of a contract that names none."""

TEMPLATES: Final[Mapping[ContractTypeName, Template]] = {
    "basic": Template(
        Decimal(99),
        {
            "max_monthly_trades": 10_000,
            "max_trade_value": Decimal(100_000),
            "sla_threshold_seconds": Decimal(23),
        },
        ("basic_analytics", "email_support"),
    ),
    "professional": Template(
        Decimal(299),
        {
            "max_monthly_trades": 50_000,
            "max_trade_value": Decimal(500_000),
            "sla_threshold_seconds": Decimal(20),
        },
        ("advanced_analytics", "priority_support", "custom_dashboards", "api_access"),
    ),
    "enterprise": Template(
        Decimal(999),
        {
            "max_monthly_trades": 100_000,
            "max_trade_value": Decimal(1_000_000),
            "sla_threshold_seconds": Decimal(15),
        },
        ("enterprise_analytics", "dedicated_support", "custom_integrations", "white_label"),
    ),
}
"""`custom` has no template: a custom contract brings its own terms."""


EMPTIED: Final[Mapping[str, Callable[[], Any]]] = {
    name: about.empty for name, about in FIELDS.items() if about.empty is not None
}
"""What null makes of the fields that every contract has, though maybe empty."""


def with_plan(contract: Contract, contract_type: ContractTypeName, overrides: Mapping[str, Any]) -> Contract:
    """The contract on another plan: templated terms replaced, then the overrides merged.

    To `custom`, or to the plan it already has, only the overrides count.
    """
    template = TEMPLATES.get(contract_type)
    terms: dict[str, Any] = {"contract_type": contract_type}
    if template and contract_type != contract["contract_type"]:
        terms |= template.terms()
    return patched(patched(contract, terms), overrides)


def monthly_total(contract: Contract) -> Decimal:
    """What it brings in a month: the fee and the active add-ons."""
    add_ons = (each["monthly_fee"] for each in contract["add_ons"] if each.get("active", True))
    return sum(add_ons, start=contract["base_monthly_fee"])


def patched(contract: Contract, changes: Mapping[str, Any]) -> Contract:
    """The contract with a merge patch on it; a list or map that every contract has is left empty by null."""
    merged: Any = merge(cast("Mapping[str, Any]", contract), changes)
    for name, value in changes.items():
        if value is None and name in EMPTIED:
            merged[name] = EMPTIED[name]()
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
