"""What may be asked of the service: the data of each command, and the table of all of them."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, Final, Literal, NotRequired, Required, get_type_hints

from pydantic import Field, with_config
from typing_extensions import TypedDict

from schemas.completeness import complete
from schemas.contract import Continuation
from schemas.fields import FIELDS, MUTABLE
from schemas.messages import MessageSpec
from schemas.parts import (
    STRICT,
    AddOn,
    BillingContact,
    Overrides,
    PrimaryContact,
    ScheduledChange,
    SlaTerms,
    SlaTermsPatch,
    TradeValueTier,
    TradeVolumeTier,
    UsageBasedPricing,
    UsageLimits,
    UsageLimitsPatch,
)
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
    Period,
    Phone,
    PositiveInt,
    Reason,
    Reference,
    StatusName,
    TermMonths,
    Thresholds,
    UsageMetric,
    Who,
)

AddOns = Annotated[list[AddOn], Field(max_length=100)]
MetadataPatch = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=128)], LongText | None], Field(max_length=100)
]


@with_config(STRICT)
class CommandData(TypedDict):
    """What every command may carry."""

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
    """A new contract; what is left out comes from the template of its type."""

    contract_type: Required[ContractTypeName]
    status: Literal["draft", "active"]
    start_date: Instant
    end_date: Instant


class AdoptData(_Terms, total=False):
    """A whole contract as it stands in an older system, taken over unchanged."""

    contract_id: Required[ContractId]  # type: ignore[misc]
    contract_type: Required[ContractTypeName]
    status: Required[StatusName]
    start_date: Required[Instant]
    end_date: Required[Instant]
    base_monthly_fee: Required[Money]  # type: ignore[misc]
    usage_limits: Required[UsageLimits]  # type: ignore[misc]
    term_start: Instant
    term_number: PositiveInt
    renewal_date: Instant
    scheduled_changes: Annotated[list[ScheduledChange], Field(max_length=2)]
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
    """A merge patch on the tiers; each list is replaced as a whole."""

    trade_volume_tiers: Annotated[list[TradeVolumeTier], Field(max_length=100)] | None
    trade_value_tiers: Annotated[list[TradeValueTier], Field(max_length=100)] | None


PROTECTED: Final = "Protected"
_Protected = Annotated[Any, Field(description=f"{PROTECTED}: a command that sets it is rejected.")]


@with_config(STRICT)
class ContractPatch(TypedDict, total=False):
    """A JSON merge patch (RFC 7396) on a contract; null removes an optional field.

    Protected fields are part of the schema so that they get a `rejected` result with their path,
    where a misspelt one is refused as unknown.
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
    status: _Protected
    term_start: _Protected
    term_number: _Protected
    renewal_date: _Protected
    scheduled_changes: _Protected
    created_at: _Protected
    updated_at: _Protected
    cancelled_at: _Protected
    cancellation_reason: _Protected
    created_by: _Protected
    last_modified_by: _Protected
    version: _Protected


_BESIDE_TERMS: Final = {*CommandData.__annotations__, "lifecycle"} - {"contract_id"}

complete(
    {name: name for name in AdoptData.__annotations__ if name not in _BESIDE_TERMS},
    FIELDS.keys() - {"account_id"},
    "AdoptData in schemas/commands.py",
)
complete(
    {name: name for name in CreateData.__annotations__ if name not in CommandData.__annotations__},
    MUTABLE | {"contract_type", "status"},
    "CreateData in schemas/commands.py",
)
complete(
    {
        name: name
        for name, hint in get_type_hints(ContractPatch, include_extras=True).items()
        if hint != _Protected
    },
    MUTABLE,
    "ContractPatch in schemas/commands.py, but for what is protected,",
)
complete(ContractPatch.__annotations__, FIELDS, "ContractPatch in schemas/commands.py")


class UpdateData(CommandData):
    """Changes terms, contacts and notes."""

    changes: ContractPatch


class ActivateData(CommandData):
    """A draft starts at max(its start, now)."""


class ChangePlanData(CommandData):
    """Changes the plan, now or at the next renewal."""

    contract_type: ContractTypeName
    effective: NotRequired[Literal["immediately", "at_renewal"]]
    overrides: NotRequired[Overrides]


class WithdrawPlanChangeData(CommandData):
    """Takes back a scheduled plan change."""


class RenewData(CommandData):
    """Starts a new term; without a length or an end it is as long as the contract says."""

    term_months: NotRequired[TermMonths]
    end_date: NotRequired[Instant]


class CancelData(CommandData):
    """Ends the contract, now or at the end of its term."""

    effective: NotRequired[Literal["immediately", "end_of_term"]]
    reason: NotRequired[Reason]


class WithdrawCancellationData(CommandData):
    """Takes back a scheduled cancellation."""


class DeleteData(CommandData):
    """Removes the contract; its history stays."""

    reason: NotRequired[Reason]


class EraseData(CommandData):
    """Removes the personal data of the account from its contracts and their history."""


class ReportUsageData(CommandData):
    """What the account has used in a period so far: a total, or the most at one time."""

    period: Period
    metric: UsageMetric
    value: Money


@with_config(STRICT)
class AdvanceData(TypedDict):
    """From the scanner: do everything that is due."""

    contract_id: ContractId
    due_at: Instant
    requested_by: NotRequired[Who]


@dataclass(frozen=True)
class CommandSpec(MessageSpec):
    """One row of the table of commands."""

    _: KW_ONLY
    deduplicated: bool = True


COMMANDS: Final[dict[str, CommandSpec]] = {
    spec.name: spec
    for spec in (
        CommandSpec("create", CreateData, "makes a new contract"),
        CommandSpec("adopt", AdoptData, "takes over a contract from an older system as it stands"),
        CommandSpec("update", UpdateData, "changes terms, contacts and notes"),
        CommandSpec("activate", ActivateData, "turns a draft into an active contract"),
        CommandSpec("change_plan", ChangePlanData, "changes the plan, now or at the next renewal"),
        CommandSpec("withdraw_plan_change", WithdrawPlanChangeData, "takes back a scheduled plan change"),
        CommandSpec("renew", RenewData, "starts a new term from the end of the old one"),
        CommandSpec("cancel", CancelData, "ends a contract, now or at the end of its term"),
        CommandSpec("withdraw_cancellation", WithdrawCancellationData, "takes back a scheduled cancellation"),
        CommandSpec("delete", DeleteData, "removes the contract; its history stays"),
        CommandSpec("erase", EraseData, "removes the account's personal data from contracts and history"),
        CommandSpec(
            "report_usage", ReportUsageData, "tells what an account has used so far", deduplicated=False
        ),
        CommandSpec("advance", AdvanceData, "makes everything due happen", deduplicated=False),
    )
}
"""Every command by name. To add one: a row here, a file in consumer/domain/commands/, a test."""

OLD_COMMANDS: Final[tuple[CommandSpec, ...]] = ()
"""Former versions that producers may still send; schemas/upcasting.py makes the newest of them."""

COMMANDS_BY_TYPE: Final[dict[str, CommandSpec]] = {
    spec.type: spec for spec in (*COMMANDS.values(), *OLD_COMMANDS)
}
