"""The terms of a contract in commands: complete, or as a patch."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NotRequired, Required, get_type_hints

from pydantic import Field, with_config
from typing_extensions import TypedDict

from schemas.completeness import complete
from schemas.contract import Continuation
from schemas.fields import FIELDS, MUTABLE
from schemas.parts import (
    STRICT,
    AddOn,
    BillingContact,
    Offer,
    PrimaryContact,
    RenewalTerms,
    SlaTerms,
    SlaTermsPatch,
    TradeValueTier,
    TradeVolumeTier,
    UsageBasedPricing,
    UsageLimits,
    UsageLimitsPatch,
)
from schemas.scheduled import MOST_CHANGES, Phase, ScheduledChange
from schemas.types import (
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
    Phone,
    PositiveInt,
    Reason,
    Reference,
    StatusName,
    TermMonths,
    Thresholds,
    Who,
)

AddOns = Annotated[list[AddOn], Field(max_length=100)]
MetadataPatch = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=128)], LongText | None], Field(max_length=100)
]


@with_config(STRICT)
class CommandData(TypedDict):
    """The fields that every command may have."""

    requested_by: NotRequired[Who]
    contract_id: NotRequired[ContractId]
    expected_version: NotRequired[Annotated[int, Field(ge=0, le=2**31)]]


class _Terms(CommandData, total=False):
    auto_renewal: bool
    term_months: TermMonths
    renewal_window_days: Days
    renewal_grace_days: Days
    notice_days: NoticeDays
    base_monthly_fee: Money
    currency: Currency
    usage_based_pricing: UsageBasedPricing
    usage_limits: UsageLimits
    usage_thresholds: Thresholds
    renewal_terms: RenewalTerms
    primary_contact: PrimaryContact
    billing_contact: BillingContact
    features: Labels
    tags: Labels
    add_ons: AddOns
    sla_terms: SlaTerms
    notes: LongText
    external_reference: Reference
    metadata: Metadata


class CreateData(_Terms, total=False):
    """A new contract. Fields that are left out are copied from the template of its type."""

    contract_type: Required[ContractTypeName]
    status: Literal["draft", "active"]
    start_date: Instant
    end_date: Instant
    phases: Annotated[list[Phase], Field(max_length=MOST_CHANGES)]


class AdoptData(_Terms, total=False):
    """A complete contract from another system, taken over unchanged."""

    contract_id: Required[ContractId]  # type: ignore[misc]
    contract_type: Required[ContractTypeName]
    status: Required[StatusName]
    start_date: Required[Instant]
    end_date: Required[Instant]
    base_monthly_fee: Required[Money]  # type: ignore[misc]
    usage_limits: Required[UsageLimits]  # type: ignore[misc]
    template_version: PositiveInt
    term_start: Instant
    term_number: PositiveInt
    renewal_date: Instant
    scheduled_changes: Annotated[list[ScheduledChange], Field(max_length=MOST_CHANGES)]
    offers: Annotated[list[Offer], Field(min_length=1, max_length=5)]
    created_at: Instant
    updated_at: Instant
    cancelled_at: Instant
    cancellation_reason: Reason
    created_by: Who
    last_modified_by: Who
    version: PositiveInt
    lifecycle: Continuation


@with_config(STRICT)
class PrimaryContactPatch(TypedDict, total=False):
    """A merge patch on the primary contact."""

    name: Name | None
    email: Email | None
    phone: Phone | None
    role: Name | None


@with_config(STRICT)
class BillingContactPatch(TypedDict, total=False):
    """A merge patch on the billing contact."""

    name: Name | None
    email: Email | None
    phone: Phone | None


@with_config(STRICT)
class UsageBasedPricingPatch(TypedDict, total=False):
    """A merge patch on the tiers. A list is always replaced completely."""

    trade_volume_tiers: Annotated[list[TradeVolumeTier], Field(max_length=100)] | None
    trade_value_tiers: Annotated[list[TradeValueTier], Field(max_length=100)] | None


PROTECTED: Final = "Protected"
_Protected = Annotated[Any, Field(description=f"{PROTECTED}: a command that sets it is rejected.")]


@with_config(STRICT)
class ContractPatch(TypedDict, total=False):
    """A JSON merge patch (RFC 7396) on a contract. Null removes an optional field.

    The schema contains protected fields, so that setting one gives a `rejected` result with its path, while a
    misspelt field is refused as unknown.
    """

    start_date: Instant | None
    end_date: Instant | None
    auto_renewal: bool | None
    term_months: TermMonths | None
    renewal_window_days: Days | None
    renewal_grace_days: Days | None
    notice_days: NoticeDays | None
    base_monthly_fee: Money | None
    currency: Currency | None
    usage_based_pricing: UsageBasedPricingPatch | None
    usage_limits: UsageLimitsPatch | None
    usage_thresholds: Thresholds | None
    renewal_terms: RenewalTerms | None
    primary_contact: PrimaryContactPatch | None
    billing_contact: BillingContactPatch | None
    features: Labels | None
    tags: Labels | None
    add_ons: AddOns | None
    sla_terms: SlaTermsPatch | None
    notes: LongText | None
    external_reference: Reference | None
    metadata: MetadataPatch | None
    contract_id: _Protected
    account_id: _Protected
    contract_type: _Protected
    template_version: _Protected
    status: _Protected
    term_start: _Protected
    term_number: _Protected
    renewal_date: _Protected
    scheduled_changes: _Protected
    offers: _Protected
    created_at: _Protected
    updated_at: _Protected
    cancelled_at: _Protected
    cancellation_reason: _Protected
    created_by: _Protected
    last_modified_by: _Protected
    version: _Protected


_BESIDE_TERMS: Final = {*CommandData.__annotations__, "lifecycle", "phases"} - {"contract_id"}

complete(
    {name: name for name in AdoptData.__annotations__ if name not in _BESIDE_TERMS},
    FIELDS.keys() - {"account_id"},
    "AdoptData in schemas/terms.py",
)
complete(
    {name: name for name in CreateData.__annotations__ if name not in {*_BESIDE_TERMS, "contract_id"}},
    MUTABLE | {"contract_type", "status"},
    "CreateData in schemas/terms.py",
)
complete(
    {
        name: name
        for name, hint in get_type_hints(ContractPatch, include_extras=True).items()
        if hint != _Protected
    },
    MUTABLE,
    "ContractPatch in schemas/terms.py, but for what is protected,",
)
complete(ContractPatch.__annotations__, FIELDS, "ContractPatch in schemas/terms.py")
