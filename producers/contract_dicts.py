"""Contracts as the platform's code knows them: plain dicts with datetimes and float money, and two enums."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args

from consumer.domain.terms import TEMPLATES
from producers.nulls import without_nulls
from schemas.commands import COMMANDS
from schemas.completeness import complete
from schemas.names import StatusName

if TYPE_CHECKING:
    from collections.abc import Mapping


class ContractType(StrEnum):
    """The plans."""

    BASIC = "basic"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"
    CUSTOM = "custom"


class ContractStatus(StrEnum):
    """Where a contract is in its life."""

    DRAFT = "draft"
    ACTIVE = "active"
    PENDING_RENEWAL = "pending_renewal"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


complete(
    {each.value: each for each in ContractStatus},
    get_args(StatusName),
    "ContractStatus in producers/contract_dicts.py",
)


def create_basic_contract_template(account_id: str) -> dict[str, Any]:
    """A basic contract for `create_contract`, to be changed at will."""
    return _template(account_id, ContractType.BASIC)


def create_professional_contract_template(account_id: str) -> dict[str, Any]:
    """A professional contract for `create_contract`, to be changed at will."""
    return _template(account_id, ContractType.PROFESSIONAL)


def create_enterprise_contract_template(account_id: str) -> dict[str, Any]:
    """An enterprise contract for `create_contract`, to be changed at will."""
    return _template(account_id, ContractType.ENTERPRISE)


def _template(account_id: str, contract_type: ContractType) -> dict[str, Any]:
    template = TEMPLATES[contract_type.value]
    return {
        "account_id": account_id,
        "contract_type": contract_type,
        "status": ContractStatus.ACTIVE,
        "auto_renewal": True,
        "term_months": 12,
        "base_monthly_fee": float(template.base_monthly_fee),
        "currency": "USD",
        "usage_limits": with_floats(template.usage_limits),
        "features": list(template.features),
    }


def with_floats(value: Any) -> Any:
    """A contract with floats for its exact numbers."""
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {name: with_floats(inner) for name, inner in value.items()}
        case list():
            return [with_floats(inner) for inner in value]
        case _:
            return value


def in_utc(value: Any) -> Any:
    """A dict of the platform's with aware datetimes: those without an offset are meant in UTC."""
    match value:
        case datetime() if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        case dict():
            return {name: in_utc(inner) for name, inner in value.items()}
        case list() | tuple():
            return [in_utc(inner) for inner in value]
        case _:
            return value


def given(contract: Mapping[str, Any]) -> dict[str, Any]:
    """What a new contract says: None stands for left out, at any depth."""
    said: dict[str, Any] = without_nulls(COMMANDS["create"], in_utc(dict(contract)))
    return said
