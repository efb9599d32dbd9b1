"""What `limit_reached` tells: all that whoever offers a larger plan must know, so that nobody looks it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain.amounts import FOUR_DECIMALS, HUNDREDTHS, WHOLE, rounded
from consumer.domain.dates import MILLISECOND
from consumer.domain.model import LimitReached
from consumer.domain.overage import overage
from consumer.domain.periods import days_to_end, elapsed
from consumer.domain.terms import TEMPLATE_CURRENCY, TEMPLATES
from consumer.domain.usage import LIMITS, limit_of, values_in
from schemas.events import LimitReachedData
from schemas.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from schemas.contract import Contract
    from schemas.events import CoveringPlan
    from schemas.names import UsageMetric
    from schemas.parts import Usage

_PLACES: Final = {"monthly_trades": WHOLE, "trade_value": FOUR_DECIMALS}
_COPIED: Final = tuple(name for name in LimitReachedData.__annotations__ if name in FIELDS)


def limit_reached(
    contract: Contract, usage: Usage, skipped: Sequence[int], at: datetime, now: datetime
) -> LimitReached:
    """The event of a usage whose `reached` was just crossed, together with the `skipped` ones below."""
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
        "occurred_at": now,
    }
    if plan := _covering_plan(contract, ahead):
        notice["covering_plan"] = plan
    return LimitReached(notice)


def percent(value: Decimal, limit: int | Decimal) -> Decimal:
    """How much of the limit is used, rounded down: 100 only where it is reached."""
    return rounded(value * 100 / limit, HUNDREDTHS, down=True)


def projected(contract: Contract, period: str, metric: UsageMetric, value: Decimal, at: datetime) -> Decimal:
    """The value at the end of the period if it goes on as so far. A peak does not add up: it stays."""
    if metric == "concurrent_trades":
        return value
    passed, whole = (span // MILLISECOND for span in elapsed(period, contract, at))
    return rounded(value * whole / passed, _PLACES[metric])


def _covering_plan(contract: Contract, ahead: Mapping[UsageMetric, Decimal]) -> CoveringPlan | None:
    """The cheapest template with room for all of the projected usage. Its fee is in one currency only."""
    if contract["currency"] != TEMPLATE_CURRENCY:
        return None
    covering = [
        (template.base_monthly_fee, name)
        for name, template in TEMPLATES.items()
        if all(value <= template.usage_limits.get(LIMITS[metric], value) for metric, value in ahead.items())
    ]
    if not covering:
        return None
    fee, name = min(covering)
    return {
        "contract_type": name,
        "base_monthly_fee": fee,
        "difference": fee - contract["base_monthly_fee"],
    }
