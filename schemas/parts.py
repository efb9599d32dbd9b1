"""The parts of a contract that have fields of their own."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from schemas.types import (
    ContractTypeName,
    Email,
    Instant,
    Labels,
    LongText,
    Money,
    Name,
    Percentage,
    Period,
    Phone,
    PositiveInt,
    PositiveMoney,
    Reference,
    TermAhead,
    TermMonths,
    UnitPrice,
    Uplift,
    UsageMetric,
    Who,
)

STRICT = ConfigDict(extra="forbid", strict=True)


@with_config(STRICT)
class TradeVolumeTier(TypedDict):
    """Price of each trade from `min_trades` up to, but not including, `max_trades`."""

    min_trades: Annotated[int, Field(ge=0, le=2**53 - 1)]
    max_trades: PositiveInt | None
    price_per_trade: UnitPrice


@with_config(STRICT)
class TradeValueTier(TypedDict):
    """Percentage of the value of each trade from `min_value` up to, but not including, `max_value`."""

    min_value: Money
    max_value: PositiveMoney | None
    percentage_fee: Percentage


@with_config(STRICT)
class UsageBasedPricing(TypedDict):
    """Tiers sorted by their lower bound, without overlap; only the last may be open (`max` null)."""

    trade_volume_tiers: NotRequired[Annotated[list[TradeVolumeTier], Field(max_length=100)]]
    trade_value_tiers: NotRequired[Annotated[list[TradeValueTier], Field(max_length=100)]]


@with_config(STRICT)
class UsageLimits(TypedDict):
    """Limits on trades, and the maximum time to serve one."""

    max_monthly_trades: NotRequired[PositiveInt]
    max_trade_value: NotRequired[PositiveMoney]
    max_concurrent_trades: NotRequired[PositiveInt]
    sla_threshold_seconds: NotRequired[PositiveMoney]


@with_config(STRICT)
class Usage(TypedDict):
    """The reported usage of one metric in one period."""

    period: Period
    metric: UsageMetric
    value: Money
    reached: int | None


@with_config(STRICT)
class PrimaryContact(TypedDict):
    """Contact for the contract."""

    name: NotRequired[Name]
    email: NotRequired[Email]
    phone: NotRequired[Phone]
    role: NotRequired[Name]


@with_config(STRICT)
class BillingContact(TypedDict):
    """Contact for invoices."""

    name: NotRequired[Name]
    email: NotRequired[Email]
    phone: NotRequired[Phone]


@with_config(STRICT)
class AddOn(TypedDict):
    """An option bought in addition to the plan. While active, it counts towards the monthly total."""

    name: Name
    monthly_fee: Money
    active: NotRequired[bool]


@with_config(STRICT)
class SlaTerms(TypedDict):
    """Guaranteed service levels, and the penalty for missing them."""

    uptime_guarantee: NotRequired[Percentage]
    response_time_guarantee: NotRequired[PositiveMoney]
    penalty_terms: NotRequired[LongText]


@with_config(STRICT)
class Overrides(TypedDict, total=False):
    """Terms that a plan change sets after the new plan's template, as a JSON merge patch."""

    base_monthly_fee: Money
    usage_based_pricing: UsageBasedPricing | None
    usage_limits: UsageLimitsPatch
    features: Labels
    add_ons: Annotated[list[AddOn], Field(max_length=100)]
    sla_terms: SlaTermsPatch | None


@with_config(STRICT)
class UsageLimitsPatch(TypedDict, total=False):
    """A merge patch on the usage limits."""

    max_monthly_trades: PositiveInt | None
    max_trade_value: PositiveMoney | None
    max_concurrent_trades: PositiveInt | None
    sla_threshold_seconds: PositiveMoney | None


@with_config(STRICT)
class SlaTermsPatch(TypedDict, total=False):
    """A merge patch on the SLA terms."""

    uptime_guarantee: Percentage | None
    response_time_guarantee: PositiveMoney | None
    penalty_terms: LongText | None


@with_config(STRICT)
class RenewalTerms(TypedDict, total=False):
    """Changes that a renewal makes. The uplift is repeated with each renewal, all others happen once."""

    from_term: TermAhead
    contract_type: ContractTypeName
    template_version: PositiveInt
    overrides: Overrides
    base_monthly_fee: Money
    uplift_percent: Uplift
    cap: Money
    term_months: TermMonths


@with_config(STRICT)
class Offer(TypedDict):
    """Terms for the next renewal that wait for the customer's answer."""

    offer_id: Reference
    terms: RenewalTerms
    valid_until: Instant
    requested_by: Who
    requested_at: Instant


@with_config(STRICT)
class ToldTerms(TypedDict):
    """The terms in a renewal notice, if they differ from the current ones."""

    contract_type: ContractTypeName
    base_monthly_fee: Money
    term_months: TermMonths
