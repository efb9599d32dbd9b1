"""What a contract's terms make of its next renewal, worked out again from what its events say."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.system.year.price_list import FEES


def agreed_ahead(contract: dict[str, Any]) -> tuple[str, Decimal, int] | None:
    """Plan, fee and months after the next renewal; None: nothing is agreed on for it."""
    terms = _terms(contract)
    planned = [each for each in contract["scheduled_changes"] if _until_renewal(each, contract)]
    agreed = terms or any(each["change_id"] != each["kind"] for each in planned)
    return after_renewal(contract, planned, terms) if agreed else None


def ahead_of(contract: dict[str, Any]) -> tuple[str, Decimal, int]:
    """The same, agreed on or not."""
    planned = [each for each in contract["scheduled_changes"] if _until_renewal(each, contract)]
    return after_renewal(contract, planned, _terms(contract))


def after_renewal(
    contract: dict[str, Any], planned: list[dict[str, Any]], terms: dict[str, Any]
) -> tuple[str, Decimal, int]:
    """Plan, fee and months, by the changes in order of time and then the terms of the renewal."""
    plan, fee = contract["contract_type"], Decimal(str(contract["base_monthly_fee"]))
    months, version = contract["term_months"], contract.get("template_version", 1)
    for step in (*planned, terms):
        if "contract_type" in step:
            plan, version, fee = _on_plan(step, plan, version, fee)
        fee = Decimal(str(step.get("changes", {}).get("base_monthly_fee", fee)))
        months = step.get("changes", {}).get("term_months", months)
    return plan, _changed(fee, terms), terms.get("term_months", months)


def _terms(contract: dict[str, Any]) -> dict[str, Any]:
    """Those of the next renewal."""
    terms = contract.get("renewal_terms", {})
    return terms if terms.get("from_term", 1) <= contract["term_number"] + 1 else {}


def _until_renewal(change: dict[str, Any], contract: dict[str, Any]) -> bool:
    return change["kind"] != "cancellation" and not_after(change["effective_at"], contract["end_date"])


def not_after(moment: str, other: str) -> bool:
    """Whether a moment comes before another, or with it."""
    return datetime.fromisoformat(moment) <= datetime.fromisoformat(other)


def _on_plan(step: dict[str, Any], plan: str, version: int, fee: Decimal) -> tuple[str, int, Decimal]:
    """Another plan, or another version of it, brings its fee. A version that is not named is 1."""
    to, named = step["contract_type"], step.get("template_version")
    if to != plan or named not in {None, version}:
        version = named or 1
        fee = Decimal(str(FEES[version].get(to, fee)))
    return to, version, Decimal(str(step.get("overrides", {}).get("base_monthly_fee", fee)))


def _changed(fee: Decimal, terms: dict[str, Any]) -> Decimal:
    if "uplift_percent" not in terms:
        return Decimal(str(terms.get("base_monthly_fee", fee)))
    part = fee * Decimal(str(terms["uplift_percent"])) / 100
    raised = (fee + part).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return max(fee, min(raised, Decimal(str(terms.get("cap", raised)))))
