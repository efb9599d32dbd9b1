"""The reported usage of a contract, in the form that readers return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.domain.limit_notice import percent
from consumer.domain.limits import thresholds_of
from consumer.domain.usage import limit_of, open_periods, usages
from consumer.reading.views import ContractUsage, MetricUsage

if TYPE_CHECKING:
    from datetime import datetime

    from schemas.contract import Contract
    from schemas.parts import Usage


def usage_of(contract: Contract, now: datetime) -> ContractUsage:
    """The usage of the running period and the previous one. Older values may be stored; they are left out."""
    last, _ = open_periods(now)
    return ContractUsage(
        contract["account_id"],
        contract["contract_id"],
        contract["contract_type"],
        tuple(sorted(set(thresholds_of(contract)))),
        tuple(_metric(contract, usage) for usage in usages(contract) if usage["period"] >= last),
    )


def _metric(contract: Contract, usage: Usage) -> MetricUsage:
    metric, value, limit = usage["metric"], usage["value"], limit_of(contract, usage["metric"])
    share = None if limit is None else percent(value, limit)
    return MetricUsage(usage["period"], metric, value, limit, share, usage["reached"])
