"""The input and output values of a verdict. All are frozen, and none needs a server or a clock.

Values that every command makes are NamedTuples: to make a frozen dataclass takes four times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from consumer.domain.catalogue import BUILT_IN_ONLY, Catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from schemas.contract import Contract
    from schemas.events import (
        Change,
        ExpiringData,
        FieldError,
        LimitReachedData,
        RejectionCode,
        RenewalNoticeData,
    )
    from schemas.fees import Proration, Recurring


class Command(NamedTuple):
    """A valid request, as the log holds it.

    `data` has passed the command's schema. `identity` is the SHA-256 of the length-prefixed
    (account_id, source, id): every id the domain makes comes from it, so a replay makes the same.
    """

    name: str
    account_id: str
    data: Any
    identity: bytes
    source: str
    id: str
    offset: int


DEFAULT_THRESHOLDS: Final = (80, 100, 120)
"""Percentages of a limit, for contracts without their own thresholds."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Defaults that a new contract copies and keeps, and the templates of the plans."""

    renewal_window_days: int = 30
    renewal_grace_days: int = 30
    notice_days: tuple[int, ...] = (90, 60, 30, 14, 7, 1)
    usage_thresholds: tuple[int, ...] = DEFAULT_THRESHOLDS
    catalogue: Catalogue = BUILT_IN_ONLY


class _Marker:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ABSENT: Final = _Marker("ABSENT")
"""Value of a FieldChange: the field did not exist, or does not exist any more."""

ERASED: Final = _Marker("ERASED")
"""Value of a FieldChange: it was personal data, and is left out."""


class FieldChange(NamedTuple):
    """One difference between two states, by JSON Pointer. Lists are compared as a whole."""

    path: str
    before: Any
    after: Any


class Changed(NamedTuple):
    """The contract changed: `contract` is the state after (for `deleted`: the last one).

    `version` is the contract's version after, and one more than the last for `deleted`.
    `changed_fields` is empty for created, adopted and deleted: there the whole contract is the change.
    It leaves out `version`, `updated_at` and `last_modified_by`, which every change sets.
    `by` is who requested it: `requested_by`, else the command's source; "lifecycle" for what became due.
    `reason`: why it was deleted, if the command said so. The reason of a cancellation is in the contract.
    `proration`: the costs for the month that is already paid, if the fee changed within it.
    `recurring`: the effect on monthly revenue.
    """

    change: Change
    contract: Contract
    version: int
    changed_fields: tuple[FieldChange, ...]
    effective_at: datetime
    by: str
    recurring: Recurring
    reason: str | None = None
    proration: Proration | None = None


@dataclass(frozen=True, slots=True)
class Expiring:
    """The contract will lapse unless somebody acts."""

    notice: ExpiringData


@dataclass(frozen=True, slots=True)
class RenewalNotice:
    """A notice window was reached."""

    notice: RenewalNoticeData


@dataclass(frozen=True, slots=True)
class LimitReached:
    """Usage crossed a threshold of a limit."""

    notice: LimitReachedData


Event = Changed | Expiring | RenewalNotice | LimitReached


@dataclass(frozen=True, slots=True)
class Applied:
    """The command was applied."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing to do: the contract already is as the command asks."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The command asks for something that the state of the contract, or a rule across fields, forbids."""

    code: RejectionCode
    message: str
    errors: Sequence[FieldError] = ()


Outcome = Applied | Unchanged | Rejected


class Verdict(NamedTuple):
    """What the decider returns for one command.

    `contract` is the account's current contract afterwards (None: there is none). If nothing changed, it is
    the same object as before. `former` is the contract that was replaced or deleted. `events` are in the
    order in which they happened. With any outcome, also of a rejected command, contract and events include
    what was due before the command. `erases`: personal data is also removed from the account's former
    contracts and its history. `publishes_state`: the current contract is published again, changed or not.
    """

    outcome: Outcome
    contract: Contract | None
    events: tuple[Event, ...] = ()
    former: Contract | None = None
    erases: bool = False
    publishes_state: bool = False

    @property
    def published_state(self) -> tuple[Contract | None, ...]:
        """The current contract, if its state is published whatever happened."""
        return (self.contract,) if self.publishes_state else ()
