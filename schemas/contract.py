"""The contract: the document that MongoDB stores and every `changed` event carries.

A contract is a plain dict of this shape: commands are merge patches, changes are document diffs, and all
parts speak documents. It is never mutated. Fields that are not set are absent, never null.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, Final, NotRequired

import orjson
from pydantic import Field, with_config
from typing_extensions import TypedDict

from schemas.about import About
from schemas.parts import (
    STRICT,
    AddOn,
    BillingContact,
    Offer,
    PrimaryContact,
    RenewalTerms,
    SlaTerms,
    ToldTerms,
    Usage,
    UsageBasedPricing,
    UsageLimits,
)
from schemas.scheduled import MOST_CHANGES, ScheduledChange
from schemas.types import (
    AccountId,
    ContractId,
    ContractTypeName,
    Currency,
    Days,
    Instant,
    Labels,
    LongText,
    Metadata,
    Money,
    NoticeDays,
    PositiveInt,
    Reason,
    Reference,
    StatusName,
    TermMonths,
    Thresholds,
    Who,
)

SCHEMA_VERSION: Final = 2
"""Version of the stored document's shape; see schemas/upcasting.py for older ones."""

MAX_CONTRACT_BYTES: Final = 64 * 1024

Window = Annotated[int, Field(ge=1, le=3650)]


@with_config(STRICT)
class ContractState(TypedDict):
    """A contract in the form of events and of ContractReader."""

    contract_id: Annotated[
        ContractId,
        About("Computed from the command that created the contract. Never changes.", "never", "no"),
    ]
    account_id: Annotated[
        AccountId,
        About("Account of the contract, and key of its records.", "never", "no", column_before="contract_id"),
    ]
    contract_type: Annotated[ContractTypeName, About("The plan.", "never", "no")]
    template_version: NotRequired[
        Annotated[
            PositiveInt,
            About(
                "Version of the plan's template that was copied. Default: 1.",
                "never",
                "no",
                column_before="usage_thresholds",
            ),
        ]
    ]
    status: Annotated[StatusName, About("Status of the contract.", "never", "no")]
    start_date: Annotated[
        Instant, About("Start of the first term. Renewals do not change it.", "in_draft", "no")
    ]
    end_date: Annotated[Instant, About("End of the running term, exclusive.", "while_running", "no")]
    term_start: Annotated[Instant, About("Start of the running term.", "never", "no")]
    term_number: Annotated[PositiveInt, About("Number of the running term, from 1.", "never", "no")]
    renewal_date: Annotated[
        Instant, About("Start of the renewal window, at the earliest the middle of the term.", "never", "no")
    ]
    auto_renewal: Annotated[
        bool,
        About("Whether the contract renews at `end_date`; otherwise it expires.", "while_running", "no"),
    ]
    term_months: Annotated[TermMonths, About("Months in a renewal's term.", "while_running", "no")]
    renewal_window_days: Annotated[
        Days, About("Days before the end at which it becomes `pending_renewal`.", "while_running", "no")
    ]
    renewal_grace_days: Annotated[
        Days, About("Days after the end in which `renew` is still accepted.", "while_running", "no")
    ]
    notice_days: Annotated[NoticeDays, About("Days before the end with a notice.", "while_running", "no")]
    base_monthly_fee: Annotated[Money, About("Monthly fee without add-ons.", "while_running", "no")]
    currency: Annotated[Currency, About("Currency of all amounts in the contract.", "in_draft", "no")]
    usage_based_pricing: NotRequired[
        Annotated[UsageBasedPricing, About("Prices of trades by tier.", "while_running", "no")]
    ]
    usage_limits: Annotated[
        UsageLimits,
        About(
            "Limits on trades, and the maximum time to serve one.",
            "while_running",
            "no",
            column_before="usage_based_pricing",
        ),
    ]
    usage_thresholds: NotRequired[
        Annotated[
            Thresholds,
            About(
                "Percentages of a limit at which `limit_reached` is published. Default: 80, 100 and 120.",
                "while_running",
                "no",
            ),
        ]
    ]
    renewal_terms: NotRequired[
        Annotated[RenewalTerms, About("Changes that the next renewal makes.", "while_running", "no")]
    ]
    primary_contact: NotRequired[Annotated[PrimaryContact, About("The main contact.", "always", "removed")]]
    billing_contact: NotRequired[
        Annotated[BillingContact, About("Contact for invoices.", "always", "removed")]
    ]
    features: Annotated[Labels, About("Names of the plan's features.", "while_running", "no", empty=list)]
    tags: Annotated[Labels, About("Labels of your own.", "always", "no", empty=list)]
    add_ons: Annotated[
        list[AddOn],
        Field(max_length=100),
        About("Bought in addition to the plan. Names are unique.", "while_running", "no", empty=list),
    ]
    sla_terms: NotRequired[
        Annotated[SlaTerms, About("Guarantees, and the penalty for missing them.", "while_running", "no")]
    ]
    notes: NotRequired[Annotated[LongText, About("Free text.", "always", "removed")]]
    external_reference: NotRequired[
        Annotated[Reference, About("Its id in another system, for searches.", "always", "no")]
    ]
    metadata: Annotated[Metadata, About("Keys and values of your own.", "always", "emptied", empty=dict)]
    scheduled_changes: Annotated[
        list[ScheduledChange],
        Field(max_length=MOST_CHANGES),
        About("Changes scheduled for later, in order of time.", "never", "in_part"),
    ]
    offers: NotRequired[
        Annotated[
            list[Offer],
            Field(min_length=1, max_length=5),
            About("Open offers for the next renewal.", "never", "in_part"),
        ]
    ]
    created_at: Annotated[Instant, About("Record time of the command that created it.", "never", "no")]
    updated_at: Annotated[Instant, About("Record time of its last change.", "never", "no")]
    cancelled_at: NotRequired[Annotated[Instant, About("When it was cancelled.", "never", "no")]]
    cancellation_reason: NotRequired[
        Annotated[Reason, About("Reason for the cancellation.", "never", "removed")]
    ]
    created_by: Annotated[
        Who, About("Who created the contract: `requested_by`, or the command's source.", "never", "unnamed")
    ]
    last_modified_by: Annotated[
        Who, About("Who made the last change; `lifecycle` for a change by time.", "never", "unnamed")
    ]
    version: Annotated[PositiveInt, About("Increases by 1 with each change.", "never", "no")]


@with_config(STRICT)
class Continuation(TypedDict, total=False):
    """What else determines a contract's future. With it, an export can be adopted as the same contract."""

    anchor_day: Annotated[int, Field(ge=1, le=31)]
    end_given: bool
    noticed: Window | None
    lapse_noticed: Window | None
    has_paid: bool
    told_terms: ToldTerms
    terms_version: PositiveInt
    usage: Annotated[list[Usage], Field(max_length=6)]


class ExportedContract(ContractState):
    """A contract in an export. `adopt` takes it over unchanged."""

    lifecycle: Continuation


class Lifecycle(TypedDict):
    """Internal fields of a stored contract. Events never contain them."""

    schema_version: int
    offset: int
    """Offset of the last command that changed the contract."""
    at: datetime
    """Record time of that command: `now` never runs backwards for a contract."""
    next_action_at: datetime | None
    """When the next notice, window, scheduled change, renewal or expiry is due; None: never."""
    anchor_day: int
    """Day of the month on which computed ends fall, if the month has it."""
    end_given: bool
    """Whether a command gave `end_date`. Then moving the start does not move it."""
    noticed: int | None
    """Window of the running term's last notice, in days. Wider windows need no notice any more."""
    lapse_noticed: int | None
    """Window of the running term's last `expiring` event, in days."""
    has_paid: NotRequired[bool]
    """Whether this contract, or one before it, has brought revenue. Set when it stops doing so."""
    told_terms: NotRequired[ToldTerms]
    """The renewal's terms in the last notice; absent: it had none."""
    terms_version: NotRequired[int]
    """Version of the plan in the renewal terms, if they name the present one and it is left before."""
    usage: NotRequired[list[Usage]]
    """Usage of the last reported period and the one before, in their order."""
    size: int
    """Upper bound of the contract's size as JSON, in bytes, without what the service itself writes."""


class Contract(ContractState):
    """A contract in the form of the engine and of MongoDB."""

    _id: bytes
    lifecycle: Lifecycle


def json_default(value: Any) -> Any:
    """Encodes types that orjson does not know: money, as a JSON number."""
    if value.__class__ is Decimal:
        number = float(value)  # exact: money has at most as many digits as a double
        if not isfinite(number):  # otherwise null would be written, which removes a limit in a command
            raise TypeError("a number that is not finite is not JSON")
        return int(number) if number.is_integer() else number
    raise TypeError(f"{type(value).__name__} is not JSON")


def to_json(document: Any) -> bytes:
    """A domain value as JSON: RFC 3339 UTC with a `Z`, money as numbers."""
    return orjson.dumps(document, default=json_default, option=orjson.OPT_UTC_Z)
