"""Contracts in the form of the platform's code: plain dicts with datetimes and float money, and two enums."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args

from consumer.settings import load_settings
from consumer.settings_sources import env_name
from producers.nulls import without_nulls
from schemas.commands import COMMANDS
from schemas.completeness import complete
from schemas.names import StatusName
from schemas.strict_json import MAX_DEPTH

if TYPE_CHECKING:
    from consumer.domain.catalogue import Catalogue


class ContractType(StrEnum):
    """The plans."""

    BASIC = "basic"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"
    CUSTOM = "custom"


class ContractStatus(StrEnum):
    """The status of a contract."""

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
    """A basic contract for `create_contract`. Change any field before creating it."""
    return _template(account_id, ContractType.BASIC)


def create_professional_contract_template(account_id: str) -> dict[str, Any]:
    """A professional contract for `create_contract`. Change any field before creating it."""
    return _template(account_id, ContractType.PROFESSIONAL)


def create_enterprise_contract_template(account_id: str) -> dict[str, Any]:
    """An enterprise contract for `create_contract`. Change any field before creating it."""
    return _template(account_id, ContractType.ENTERPRISE)


def _template(account_id: str, contract_type: ContractType) -> dict[str, Any]:
    """The template in force by the file of CONTRACTS_TEMPLATES; without the file, that of version 1."""
    version = _catalogue(os.environ.get(env_name("templates"))).in_force(datetime.now(UTC))
    template = version.templates[contract_type.value]
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


@lru_cache(maxsize=1)
def _catalogue(_path: str | None) -> Catalogue:
    """Read once, as in every process: to read all settings takes milliseconds."""
    return load_settings().catalogue


def with_floats(value: Any) -> Any:
    """A contract with floats instead of exact numbers."""
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {name: with_floats(inner) for name, inner in value.items()}
        case list():
            return [with_floats(inner) for inner in value]
        case _:
            return value


def in_utc(value: Any, depth: int = 0) -> Any:
    """A copy of the platform's dict with aware datetimes: naive ones are taken as UTC."""
    if depth > MAX_DEPTH:
        return value  # refused later, with its path: it may contain itself
    match value:
        case datetime() if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        case Mapping():
            return {name: in_utc(inner, depth + 1) for name, inner in value.items()}
        case list() | tuple():
            return [in_utc(inner, depth + 1) for inner in value]
        case _:
            return value


def given(contract: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a new contract: those with None are left out, at any depth."""
    said: dict[str, Any] = without_nulls(COMMANDS["create"], in_utc(dict(contract)))
    return said
