"""The templates of the year, told twice: as the service's file, and as what contracts must cost by it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from consumer.domain.catalogue import Catalogue
from consumer.domain.catalogue_file import read_catalogue
from consumer.domain.model import Policy

SINCE = datetime(2027, 8, 15, 13, 30, tzinfo=UTC)
"""When the second version comes into force: within a day on which commands arrive."""

FEES = {
    1: {"basic": "99", "professional": "299", "enterprise": "999"},
    2: {"basic": "104.5", "professional": "319", "enterprise": "949"},
}


def _terms(plan: str) -> dict[str, Any]:
    trades = {"basic": 12_000, "professional": 60_000, "enterprise": 90_000}[plan]
    limits = {"max_monthly_trades": trades, "max_trade_value": 400_000, "sla_threshold_seconds": 20}
    return {"base_monthly_fee": float(FEES[2][plan]), "usage_limits": limits, "features": [f"{plan}_2"]}


def policy() -> Policy:
    """What the service gets."""
    version = {
        "version": 2,
        "effective_from": SINCE.isoformat(),
        "templates": {p: _terms(p) for p in FEES[2]},
    }
    catalogue = read_catalogue(json.dumps({"versions": [version]}).encode())
    assert isinstance(catalogue, Catalogue), catalogue
    return Policy(catalogue=catalogue)


def version_at(moment: str) -> int:
    """The version in force."""
    return 2 if datetime.fromisoformat(moment) >= SINCE else 1


def check_new(event: dict[str, Any]) -> None:
    """A contract that was just created costs what the version in force says; nobody sends a fee with it."""
    contract = event["contract"]
    if event["change"] == "created" and contract["contract_type"] != "custom":
        version = version_at(event["occurred_at"])
        assert contract.get("template_version", 1) == version, contract
        assert contract["base_monthly_fee"] == float(FEES[version][contract["contract_type"]]), contract
        assert (contract["features"] == [f"{contract['contract_type']}_2"]) == (version == 2)
