"""The price of usage in addition to the fee: the part of the usage in each tier of the contract."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from consumer.domain.amounts import FOUR_DECIMALS, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.contract import Contract
    from schemas.fees import Overage
    from schemas.names import UsageMetric

_NOTHING: Final = Decimal(0)


def overage(contract: Contract, values: Mapping[UsageMetric, Decimal]) -> Overage:
    """The price of the usage of a period by the tiers; empty if the contract has no tiers."""
    pricing: Mapping[str, Any] = contract.get("usage_based_pricing", {})
    trades, value = values.get("monthly_trades", _NOTHING), values.get("trade_value", _NOTHING)
    volume_fee = sum(
        (
            _part(trades, tier["min_trades"], tier["max_trades"]) * tier["price_per_trade"]
            for tier in pricing.get("trade_volume_tiers", ())
        ),
        _NOTHING,
    )
    value_fee = sum(
        (
            _part(value, tier["min_value"], tier["max_value"]) * tier["percentage_fee"] / 100
            for tier in pricing.get("trade_value_tiers", ())
        ),
        _NOTHING,
    )
    return {
        "trade_volume_fee": rounded(volume_fee, FOUR_DECIMALS),
        "trade_value_fee": rounded(value_fee, FOUR_DECIMALS),
        "total": rounded(volume_fee + value_fee, FOUR_DECIMALS),
    }


def _part(amount: Decimal, low: int | Decimal, high: int | Decimal | None) -> Decimal:
    """The part of an amount that is in a tier."""
    top = amount if high is None else min(amount, Decimal(high))
    return max(top - low, _NOTHING)
