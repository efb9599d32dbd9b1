"""The data of `limit_reached`: everything needed to offer a larger plan, so that no look-up is necessary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain.amounts import FOUR_DECIMALS, HUNDREDTHS, WHOLE, rounded
from consumer.domain.catalogue import FIRST, TEMPLATE_CURRENCY
from consumer.domain.dates import MILLISECOND
from consumer.domain.model import LimitReached
from consumer.domain.overage import overage
from consumer.domain.periods import days_to_end, elapsed
from consumer.domain.usage import LIMITS, limit_of, values_in
from schemas.events import LimitReachedData
from schemas.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from consumer.domain.catalogue import Version
    from consumer.domain.lifecycle import Moment
    from schemas.contract import Contract
    from schemas.fees import CoveringPlan
    from schemas.names import UsageMetric
    from schemas.parts import Usage

_PRECISIONS: Final = {"monthly_trades": WHOLE, "trade_value": FOUR_DECIMALS}
_COPIED: Final = tuple(name for name in LimitReachedData.__annotations__ if name in FIELDS)


def limit_reached(
    contract: Contract, usage: Usage, skipped: Sequence[int], at: datetime, moment: Moment
) -> LimitReached:
    """The event for usage that has just reached `reached`, and the lower thresholds `skipped` with it."""
    period, metric = usage["period"], usage["metric"]
    limit = cast("int | Decimal", limit_of(contract, metric))
    values = values_in(contract, period)
    ahead = {name: projected(contract, period, name, value, at) for name, value in values.items()}
    terms = cast("Mapping[str, Any]", contract)
    notice: Any = {name: terms[name] for name in _COPIED if name in terms} | {
        "period": period,
        "metric": metric,
        "threshold": usage["reached"],
        "skipped_thresholds": [*skipped],
        "limit": limit,
        "value": usage["value"],
        "percent": percent(usage["value"], limit),
        "days_left": days_to_end(period, at),
        "projected_value": ahead[metric],
        "overage": overage(contract, values),
        "effective_at": at,
        "occurred_at": moment.now,
    }
    if plan := _covering_plan(contract, ahead, moment.catalogue.in_force(at)):
        notice["covering_plan"] = plan
    return LimitReached(notice)


def percent(value: Decimal, limit: int | Decimal) -> Decimal:
    """Percentage of the limit that is used, rounded down: 100 only if the limit is reached."""
    return rounded(value * 100 / limit, HUNDREDTHS, down=True)


def projected(contract: Contract, period: str, metric: UsageMetric, value: Decimal, at: datetime) -> Decimal:
    """The value at the end of the period at the present rate. A peak does not add up: it stays the same."""
    if metric == "concurrent_trades":
        return value
    passed, whole = (span // MILLISECOND for span in elapsed(period, contract, at))
    return rounded(value * whole / passed, _PRECISIONS[metric])


def _covering_plan(
    contract: Contract, ahead: Mapping[UsageMetric, Decimal], version: Version
) -> CoveringPlan | None:
    """The cheapest template whose limits cover the projected usage. All templates have the same currency."""
    if contract["currency"] != TEMPLATE_CURRENCY:
        return None
    covering = [
        (template.base_monthly_fee, name)
        for name, template in version.templates.items()
        if all(value <= template.usage_limits.get(LIMITS[metric], value) for metric, value in ahead.items())
    ]
    if not covering:
        return None
    fee, name = min(covering)
    plan: CoveringPlan = {
        "contract_type": name,
        "base_monthly_fee": fee,
        "difference": fee - contract["base_monthly_fee"],
    }
    return plan if version.number == FIRST else {**plan, "template_version": version.number}
