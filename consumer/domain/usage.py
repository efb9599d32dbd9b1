"""The reported usage of an account: the latest value of each metric, in the running period and the last.

It is part of the contract's bookkeeping and makes no new version, because reports are far more frequent than
changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast, get_args

from consumer.domain.periods import before, period_of
from schemas.completeness import complete
from schemas.names import UsageMetric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from consumer.domain.lifecycle import Moment
    from schemas.contract import Contract, Lifecycle
    from schemas.parts import Usage

METRICS: Final[tuple[UsageMetric, ...]] = get_args(UsageMetric)

LIMITS: Final[Mapping[UsageMetric, str]] = complete(
    {
        "monthly_trades": "max_monthly_trades",
        "trade_value": "max_trade_value",
        "concurrent_trades": "max_concurrent_trades",
    },
    METRICS,
    "LIMITS in consumer/domain/usage.py",
)
"""The limit that belongs to each metric."""


def usages(contract: Contract) -> Sequence[Usage]:
    """All reported usage; empty for a contract without reports."""
    return contract["lifecycle"].get("usage", ())


def known(contract: Contract, period: str, metric: UsageMetric) -> Usage | None:
    """The usage of a metric in a period; None: it was never reported."""
    for usage in usages(contract):
        if usage["metric"] == metric and usage["period"] == period:
            return usage
    return None


def values_in(contract: Contract, period: str) -> dict[UsageMetric, Decimal]:
    """The reported values of a period."""
    return {usage["metric"]: usage["value"] for usage in usages(contract) if usage["period"] == period}


def limit_of(contract: Contract, metric: UsageMetric) -> int | Decimal | None:
    """The limit of a metric; None: there is none."""
    limits: Mapping[str, int | Decimal] = contract["usage_limits"]  # type: ignore[assignment]
    return limits.get(LIMITS[metric])


def open_periods(now: datetime) -> tuple[str, str]:
    """The previous and the running period: only their usage can be reported."""
    running = period_of(now)
    return before(running), running


def with_report(contract: Contract, report: Usage, moment: Moment) -> Contract:
    """The contract with a reported value. Values older than the last period are removed."""
    last, _ = open_periods(moment.now)
    others = [
        usage
        for usage in usages(contract)
        if usage["period"] >= last
        and (usage["period"], usage["metric"]) != (report["period"], report["metric"])
    ]
    contract = with_usages(contract, sorted([*others, report], key=_order))
    marks = {"offset": moment.offset, "at": moment.now}
    return contract | {"lifecycle": cast("Lifecycle", contract["lifecycle"] | marks)}


def with_usages(contract: Contract, usages: list[Usage]) -> Contract:
    """The contract with changed usage, or with other thresholds marked."""
    return contract | {"lifecycle": contract["lifecycle"] | {"usage": usages}}


def _order(usage: Usage) -> tuple[str, int]:
    return usage["period"], METRICS.index(usage["metric"])
