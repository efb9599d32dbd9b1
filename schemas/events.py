"""The data of each event and result, and the table of all events."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Final, Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from schemas import names, topics
from schemas.contract import ContractState
from schemas.fees import CoveringPlan, NextTerm, Overage, Proration, Recurring, RenewalFee
from schemas.messages import MessageSpec
from schemas.parts import BillingContact, PrimaryContact
from schemas.types import (
    AccountId,
    Amount,
    ContractId,
    ContractTypeName,
    Currency,
    Instant,
    Labels,
    Money,
    Period,
    UsageMetric,
)

_OPEN = ConfigDict(extra="allow")
"""Consumers of events must tolerate new fields."""

Change = names.Change

OutcomeName = Literal["applied", "unchanged", "rejected", "duplicate"]

RejectionCode = Literal[
    "id_reused",
    "contract_not_found",
    "contract_exists",
    "contract_id_taken",
    "contract_id_mismatch",
    "version_conflict",
    "invalid_transition",
    "protected_field",
    "period_closed",
    "period_ahead",
    "offer_not_found",
    "change_not_found",
    "invalid_terms",
    "change_conflict",
]
"""Why a valid command is rejected, in the order of the checks."""

DeadLetterCode = names.DeadLetterCode


@with_config(_OPEN)
class CommandReference(TypedDict):
    """The command that caused the event."""

    id: str
    source: str
    type: str


@with_config(_OPEN)
class ChangedField(TypedDict):
    """One changed field, by JSON Pointer. `before` or `after` is absent if there was or is no value.

    `erased`: the values were personal data and are left out. The contract has what remains.
    """

    path: str
    before: NotRequired[Any]
    after: NotRequired[Any]
    erased: NotRequired[bool]


@with_config(_OPEN)
class ChangedData(TypedDict):
    """A contract changed. `contract` is its full state afterwards (for `deleted`: its last state)."""

    change: Change
    contract: ContractState
    changed_fields: list[ChangedField]
    version: int
    effective_at: Instant
    occurred_at: Instant
    command: CommandReference
    requested_by: str
    recurring: NotRequired[Recurring]
    reason: NotRequired[str]
    proration: NotRequired[Proration]


@with_config(_OPEN)
class StateData(TypedDict):
    """An account's current contract, after everything up to `position`."""

    contract: ContractState
    version: int
    position: str


@with_config(_OPEN)
class ExpiringData(TypedDict):
    """A contract will lapse unless somebody acts."""

    account_id: AccountId
    contract_id: ContractId
    contract_type: ContractTypeName
    end_date: Instant
    days_left: int
    window_days: int
    reason: Literal["no_auto_renewal", "cancellation_scheduled"]
    base_monthly_fee: Money
    currency: Currency
    renewal_fee: NotRequired[RenewalFee]
    primary_contact: NotRequired[PrimaryContact]
    billing_contact: NotRequired[BillingContact]
    features: Labels
    effective_at: Instant
    occurred_at: Instant


@with_config(_OPEN)
class Recipient(TypedDict):
    """A contact that should get the notice."""

    contact: Literal["primary", "billing"]
    name: NotRequired[str]
    email: str


@with_config(_OPEN)
class RenewalNoticeData(TypedDict):
    """A notice window was reached: what will happen at the end of the term, and who should get the notice."""

    account_id: AccountId
    contract_id: ContractId
    contract_type: ContractTypeName
    term_number: int
    end_date: Instant
    days_left: int
    window_days: int
    missed_windows: list[int]
    reason: NotRequired[Literal["no_auto_renewal", "cancellation_scheduled"]]
    terms_changed: NotRequired[bool]
    next_term: NextTerm
    base_monthly_fee: Money
    currency: Currency
    renewal_fee: NotRequired[RenewalFee]
    primary_contact: NotRequired[PrimaryContact]
    billing_contact: NotRequired[BillingContact]
    features: Labels
    recipients: list[Recipient]
    effective_at: Instant
    occurred_at: Instant


@with_config(_OPEN)
class LimitReachedData(TypedDict):
    """Usage crossed a threshold of a limit. Published once per contract, period, metric and threshold."""

    account_id: AccountId
    contract_id: ContractId
    contract_type: ContractTypeName
    period: Period
    metric: UsageMetric
    threshold: int
    skipped_thresholds: list[int]
    limit: Amount
    value: Amount
    percent: Amount
    days_left: int
    projected_value: Amount
    overage: Overage
    base_monthly_fee: Money
    currency: Currency
    covering_plan: NotRequired[CoveringPlan]
    primary_contact: NotRequired[PrimaryContact]
    billing_contact: NotRequired[BillingContact]
    effective_at: Instant
    occurred_at: Instant


@with_config(_OPEN)
class FieldError(TypedDict):
    """One mistake, by JSON Pointer into the command's data ("": all of it)."""

    path: str
    message: str


@with_config(_OPEN)
class CommandResultData(TypedDict):
    """The outcome of a command."""

    command: CommandReference
    outcome: OutcomeName
    code: NotRequired[str]
    message: NotRequired[str]
    errors: NotRequired[list[FieldError]]
    contract_id: NotRequired[ContractId]
    version: NotRequired[int]
    processed_at: Instant


@dataclass(frozen=True)
class EventSpec(MessageSpec):
    """One row of the table of events; `topic` comes after the prefix of the settings."""

    _: KW_ONLY
    topic: str


EVENTS: Final[dict[str, EventSpec]] = {
    spec.name: spec
    for spec in (
        EventSpec("changed", ChangedData, "a contract changed", topic=topics.CHANGED),
        EventSpec(
            "expiring", ExpiringData, "a contract will lapse unless somebody acts", topic=topics.EXPIRING
        ),
        EventSpec(
            "renewal_notice", RenewalNoticeData, "a notice window was reached", topic=topics.RENEWAL_NOTICES
        ),
        EventSpec(
            "limit_reached",
            LimitReachedData,
            "usage crossed a threshold of a limit",
            topic=topics.LIMIT_REACHED,
        ),
        EventSpec(
            "command_result", CommandResultData, "the outcome of a command", topic=topics.COMMAND_RESULTS
        ),
    )
}
"""Every event by name. To add one: a row here, a case in consumer/engine/encoder.py, a test."""

STATE: Final = EventSpec("state", StateData, "an account's current contract", topic=topics.STATE)
"""Not an event: only the last record of a key counts. Without a value it means that there is no contract."""

OUTPUTS: Final[dict[str, EventSpec]] = EVENTS | {STATE.name: STATE}
"""All messages that commands cause, by name."""

EVENT_NAMES: Final = {spec.type: spec.name for spec in OUTPUTS.values()}
"""The name of each output by its `ce_type`."""
