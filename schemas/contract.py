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
from sys import intern
from typing import Annotated, Any, Final, NotRequired, cast

import orjson
from pydantic import Field, with_config
from typing_extensions import TypedDict

from schemas.about import About
from schemas.parts import (
    STRICT,
    AddOn,
    BillingContact,
    PrimaryContact,
    ScheduledChange,
    SlaTerms,
    Usage,
    UsageBasedPricing,
    UsageLimits,
)
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

SCHEMA_VERSION: Final = 1
"""Version of the stored document's shape; see schemas/upcasting.py for older ones."""

MAX_CONTRACT_BYTES: Final = 64 * 1024

Window = Annotated[int, Field(ge=1, le=3650)]


@with_config(STRICT)
class ContractState(TypedDict):
    """A contract as events and readers show it."""

    contract_id: Annotated[
        ContractId,
        About("Made by the service from the command; stays for the contract's life.", "never", "no"),
    ]
    account_id: Annotated[
        AccountId,
        About("Whose contract it is: the key of every record.", "never", "no", column_before="contract_id"),
    ]
    contract_type: Annotated[ContractTypeName, About("The plan.", "never", "no")]
    status: Annotated[StatusName, About("Where it stands in its life.", "never", "no")]
    start_date: Annotated[
        Instant, About("Beginning of the first term; stays through renewals.", "in_draft", "no")
    ]
    end_date: Annotated[Instant, About("End of the running term, exclusive.", "while_running", "no")]
    term_start: Annotated[Instant, About("Beginning of the running term.", "never", "no")]
    term_number: Annotated[PositiveInt, About("Number of the running term, from 1.", "never", "no")]
    renewal_date: Annotated[
        Instant, About("When the renewal window opens; never before the middle of the term.", "never", "no")
    ]
    auto_renewal: Annotated[
        bool,
        About(
            "What happens at `end_date` when nobody acts: it renews, or it expires.", "while_running", "no"
        ),
    ]
    term_months: Annotated[TermMonths, About("Length of a renewal's term.", "while_running", "no")]
    renewal_window_days: Annotated[
        Days, About("Days before the end when it becomes `pending_renewal`.", "while_running", "no")
    ]
    renewal_grace_days: Annotated[
        Days, About("Days after the end in which `renew` is still accepted.", "while_running", "no")
    ]
    notice_days: Annotated[NoticeDays, About("Days before the end that are noticed.", "while_running", "no")]
    base_monthly_fee: Annotated[Money, About("Without add-ons.", "while_running", "no")]
    currency: Annotated[Currency, About("Of all its money.", "in_draft", "no")]
    usage_based_pricing: NotRequired[
        Annotated[UsageBasedPricing, About("Prices of trades by tier.", "while_running", "no")]
    ]
    usage_limits: Annotated[
        UsageLimits,
        About(
            "How much may be traded, and how fast it is served.",
            "while_running",
            "no",
            column_before="usage_based_pricing",
        ),
    ]
    usage_thresholds: NotRequired[
        Annotated[
            Thresholds,
            About(
                "Per cent of a limit at which usage is told of; left out: 80, 100 and 120.",
                "while_running",
                "no",
            ),
        ]
    ]
    primary_contact: NotRequired[Annotated[PrimaryContact, About("Whom to talk to.", "always", "removed")]]
    billing_contact: NotRequired[
        Annotated[BillingContact, About("Whom to send invoices to.", "always", "removed")]
    ]
    features: Annotated[Labels, About("What the plan gives, by name.", "while_running", "no", empty=list)]
    tags: Annotated[Labels, About("Labels of your own.", "always", "no", empty=list)]
    add_ons: Annotated[
        list[AddOn],
        Field(max_length=100),
        About("Bought on top of the plan; names are unique.", "while_running", "no", empty=list),
    ]
    sla_terms: NotRequired[
        Annotated[SlaTerms, About("What is promised, and what it costs to break it.", "while_running", "no")]
    ]
    notes: NotRequired[Annotated[LongText, About("Free text.", "always", "removed")]]
    external_reference: NotRequired[
        Annotated[Reference, About("Its name in another system; can be looked up.", "always", "no")]
    ]
    metadata: Annotated[Metadata, About("Keys and values of your own.", "always", "emptied", empty=dict)]
    scheduled_changes: Annotated[
        list[ScheduledChange],
        Field(max_length=2),
        About("What will happen at the end of the term; at most one of each kind.", "never", "in_part"),
    ]
    created_at: Annotated[Instant, About("Record time of the command that made it.", "never", "no")]
    updated_at: Annotated[Instant, About("Record time of the command that changed it last.", "never", "no")]
    cancelled_at: NotRequired[Annotated[Instant, About("When it was cancelled.", "never", "no")]]
    cancellation_reason: NotRequired[
        Annotated[Reason, About("As the cancelling command gave it.", "never", "removed")]
    ]
    created_by: Annotated[
        Who, About("Who asked for it: `requested_by`, else the command's source.", "never", "unnamed")
    ]
    last_modified_by: Annotated[
        Who, About("Who asked for the last change; `lifecycle` where time did it.", "never", "unnamed")
    ]
    version: Annotated[PositiveInt, About("Grows by 1 with each change.", "never", "no")]


@with_config(STRICT)
class Continuation(TypedDict, total=False):
    """What else decides a contract's future: with it, an export comes back as the same contract."""

    anchor_day: Annotated[int, Field(ge=1, le=31)]
    end_given: bool
    noticed: Window | None
    lapse_noticed: Window | None
    usage: Annotated[list[Usage], Field(max_length=6)]


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
    usage: NotRequired[list[Usage]]
    """Of the last period in which usage was reported and the one before, in their order."""
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
    kept: Any = {name: parts[name] for name in Continuation.__annotations__ if name in parts}
    return {**visible(contract), "lifecycle": kept}


def visible(contract: Contract) -> ContractState:
    """The part of a stored contract that events and readers show."""
    shown: Any = dict(kept_in_order(contract))
    del shown["_id"], shown["lifecycle"]
    return cast("ContractState", shown)


def ordered(contract: Contract) -> Contract:
    """The contract with its fields in the order of ContractState, between `_id` and `lifecycle`.

    The same state then has the same bytes, whichever way it came about: MongoDB and a dict put a field
    that was taken away and given again in different places.
    """
    names, values = _in_order(tuple(contract))
    return cast("Contract", dict(zip(names, values(contract), strict=True)))


def kept_in_order(contract: Contract) -> Contract:
    """The same for one that was in order before it was changed: new fields stand behind `lifecycle`."""
    return contract if next(reversed(cast("dict[str, Any]", contract))) == "lifecycle" else ordered(contract)


_STORED: Final = ("_id", *ContractState.__annotations__, "lifecycle")
PLACES: Final = {name: place for place, name in enumerate(_STORED)}
"""Where a field stands in everything that is stored and shown."""


@lru_cache(maxsize=4096)
def _in_order(names: tuple[str, ...]) -> tuple[tuple[str, ...], itemgetter[Any]]:
    """The names in order, and what gets their values; names that a contract does not have come last."""
    placed = sorted(map(intern, names), key=lambda name: PLACES.get(name, len(PLACES)))
    return tuple(placed), itemgetter(*placed)
