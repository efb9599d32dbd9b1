"""The templates of the plans: a list of versions, each with the time from which it applies.

A contract copies the terms of a template and stores its version. Later versions do not change the
contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.contract import Contract
    from schemas.types import ContractTypeName

TEMPLATE_CURRENCY: Final = "USD"
"""The currency of the templates' fees, and of a contract that names none."""

FIRST: Final = 1
"""The built-in version. A contract without `template_version` has this one, or no template."""


class Template(NamedTuple):
    """The terms of a contract type where the command gives none. Values are copied."""

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


@dataclass(frozen=True, slots=True)
class Version:
    """The templates that apply from a time until the next version."""

    number: int
    effective_from: datetime
    templates: Mapping[ContractTypeName, Template]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All versions, sorted by number. Each version applies from a later time than the one before."""

    versions: tuple[Version, ...]

    def in_force(self, at: datetime) -> Version:
        """The version that applies at a time."""
        for version in reversed(self.versions):
            if version.effective_from <= at:
                return version
        return self.versions[0]

    def named(self, number: int) -> Version | None:
        """The version with this number."""
        return next((each for each in self.versions if each.number == number), None)

    def terms(self, contract_type: ContractTypeName, number: int) -> dict[str, Any]:
        """The terms that a contract copies from a version. `custom` has none: the command must give them.

        Raises:
            LookupError: there is no such version. A command that names one was refused, so the catalogue
                has lost it since.
        """
        version = self.named(number)
        if version is None:
            raise LookupError(f"the catalogue of templates has no version {number}")
        template = version.templates.get(contract_type)
        if template is None:
            return {}
        return template.terms() if number == FIRST else template.terms() | {"template_version": number}


def version_of(contract: Contract) -> int:
    """The version of the template from which the contract copied its terms."""
    return contract.get("template_version", FIRST)


BUILT_IN: Final = Version(
    FIRST,
    datetime.min.replace(tzinfo=UTC),
    {
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
    },
)
"""Version 1, which applies from the beginning. `custom` has no template: the command must give its terms."""

BUILT_IN_ONLY: Final = Catalogue((BUILT_IN,))
"""The catalogue of a service without a templates file."""
