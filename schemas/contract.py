"""The contract: the document that MongoDB stores and every `changed` event carries.

A contract is a plain dict of the shape below: commands are merge patches, changes are document
diffs, and both databases and wires speak documents. By agreement nobody mutates one; the domain
builds a new dict for each change. Fields that are not set are absent, never null.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from operator import itemgetter
from typing import Annotated, Any, Final, Literal, NotRequired

import orjson
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from schemas.types import (
    AccountId,
    ContractId,
    ContractTypeName,
    Currency,
    Days,
    Email,
    Instant,
    Labels,
    LongText,
    Metadata,
    Money,
    Name,
    NoticeDays,
    Percentage,
    Phone,
    PositiveInt,
    PositiveMoney,
    Reason,
    Reference,
    StatusName,
    TermMonths,
    UnitPrice,
    Who,
)

SCHEMA_VERSION: Final = 1
"""Version of the stored document's shape; see schemas/upcasting.py for older ones."""

MAX_CONTRACT_BYTES: Final = 64 * 1024

Window = Annotated[int, Field(ge=1, le=3650)]

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
    """How much the account may trade, and how fast it is served."""

    max_monthly_trades: NotRequired[PositiveInt]
    max_trade_value: NotRequired[PositiveMoney]
    max_concurrent_trades: NotRequired[PositiveInt]
    sla_threshold_seconds: NotRequired[PositiveMoney]


@with_config(STRICT)
class PrimaryContact(TypedDict):
    """Whom to talk to about the contract."""

    name: NotRequired[Name]
    email: NotRequired[Email]
    phone: NotRequired[Phone]
    role: NotRequired[Name]


@with_config(STRICT)
class BillingContact(TypedDict):
    """Whom to send invoices to."""

    name: NotRequired[Name]
    email: NotRequired[Email]
    phone: NotRequired[Phone]


@with_config(STRICT)
class AddOn(TypedDict):
    """Something bought on top; counts towards the monthly total when active."""

    name: Name
    monthly_fee: Money
    active: NotRequired[bool]


@with_config(STRICT)
class SlaTerms(TypedDict):
    """What is promised, and what it costs to break it."""

    uptime_guarantee: NotRequired[Percentage]
    response_time_guarantee: NotRequired[PositiveMoney]
    penalty_terms: NotRequired[LongText]


@with_config(STRICT)
class Overrides(TypedDict, total=False):
    """Terms a plan change sets on top of the new plan's template, as a JSON merge patch."""

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
class ScheduledChange(TypedDict):
    """Something that will happen at the end of the term unless it is withdrawn."""

    kind: Literal["plan_change", "cancellation"]
    effective_at: Instant
    contract_type: NotRequired[ContractTypeName]
    overrides: NotRequired[Overrides]
    reason: NotRequired[Reason]
    requested_by: Who
    requested_at: Instant


@with_config(STRICT)
class ContractState(TypedDict):
    """A contract as events and readers show it."""

    contract_id: ContractId
    account_id: AccountId
    contract_type: ContractTypeName
    status: StatusName
    start_date: Instant
    end_date: Instant
    term_start: Instant
    term_number: PositiveInt
    renewal_date: Instant
    auto_renewal: bool
    term_months: TermMonths
    renewal_window_days: Days
    renewal_grace_days: Days
    notice_days: NoticeDays
    base_monthly_fee: Money
    currency: Currency
    usage_based_pricing: NotRequired[UsageBasedPricing]
    usage_limits: UsageLimits
    primary_contact: NotRequired[PrimaryContact]
    billing_contact: NotRequired[BillingContact]
    features: Labels
    tags: Labels
    add_ons: Annotated[list[AddOn], Field(max_length=100)]
    sla_terms: NotRequired[SlaTerms]
    notes: NotRequired[LongText]
    external_reference: NotRequired[Reference]
    metadata: Metadata
    scheduled_changes: Annotated[list[ScheduledChange], Field(max_length=2)]
    created_at: Instant
    updated_at: Instant
    cancelled_at: NotRequired[Instant]
    cancellation_reason: NotRequired[Reason]
    created_by: Who
    last_modified_by: Who
    version: PositiveInt


@with_config(STRICT)
class Continuation(TypedDict, total=False):
    """What else decides a contract's future: with it, an export comes back as the same contract."""

    anchor_day: Annotated[int, Field(ge=1, le=31)]
    end_given: bool
    noticed: Window | None
    lapse_noticed: Window | None


class ExportedContract(ContractState):
    """A contract as an export holds it: `adopt` takes it over as it is."""

    lifecycle: Continuation


class Lifecycle(TypedDict):
    """Bookkeeping that rides with a stored contract and never leaves in an event."""

    schema_version: int
    offset: int
    """Input offset of the last command that changed the contract."""
    at: datetime
    """Record time of that command: `now` never runs backwards for a contract."""
    next_action_at: datetime | None
    """When the next notice, window, scheduled change, renewal or expiry is due; None: never."""
    anchor_day: int
    """Day of the month that computed ends fall on, where the month has it."""
    end_given: bool
    """Whether `end_date` was given by a command, so that moving the start does not move it."""
    noticed: int | None
    """The running term's window, in days, of the last notice: wider ones need none any more."""
    lapse_noticed: int | None
    """The window of the last `expiring` event."""
    size: int
    """An upper bound of the contract's bytes as JSON, give or take what the service itself writes."""


class Contract(ContractState):
    """A contract as the pipeline holds and MongoDB stores it."""

    _id: bytes
    lifecycle: Lifecycle


HIDDEN_FIELDS: Final = frozenset({"_id", "lifecycle"})
"""Fields of a stored contract that no event and no reader shows."""


def json_default(value: Any) -> Any:
    """What orjson cannot encode by itself: money, as a JSON number."""
    if value.__class__ is Decimal:
        number = float(value)  # exact: money has at most as many digits as a double
        if not isfinite(number):  # or null would be written, which in a command removes a limit
            raise TypeError("a number that is not finite is not JSON")
        return int(number) if number.is_integer() else number
    raise TypeError(f"{type(value).__name__} is not JSON")


def to_json(document: Any) -> bytes:
    """A domain value as JSON: RFC 3339 UTC with a `Z`, money as numbers."""
    return orjson.dumps(document, default=json_default, option=orjson.OPT_UTC_Z)


def exported(contract: Contract) -> ExportedContract:
    """A stored contract with all that it takes to go on elsewhere as if nothing had happened."""
    parts: Any = contract["lifecycle"]
    kept: Any = {name: parts[name] for name in Continuation.__annotations__}
    return {**visible(contract), "lifecycle": kept}


def visible(contract: Contract) -> ContractState:
    """The part of a stored contract that events and readers show."""
    names, values = _shown(tuple(contract))
    return dict(zip(names, values(contract), strict=True))  # type: ignore[return-value]


_STORED: Final = ("_id", *ContractState.__annotations__, "lifecycle")
PLACES: Final = {name: place for place, name in enumerate(_STORED)}
"""Where a field stands in everything that is stored and shown."""


@lru_cache(maxsize=4096)
def _shown(names: tuple[str, ...]) -> tuple[tuple[str, ...], itemgetter[Any]]:
    """In the order of ContractState: the same state then has the same bytes, whichever way it came about.

    MongoDB and a dict put a field that was taken away and given again in different places.
    """
    shown = sorted((name for name in names if name not in HIDDEN_FIELDS), key=PLACES.__getitem__)
    return tuple(shown), itemgetter(*shown)
