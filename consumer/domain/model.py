"""The values that go into and come out of a decision. All frozen; none knows a server or a clock.

Those that every command makes are NamedTuples: a frozen dataclass takes four times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
"""In per cent of a limit. A contract without thresholds of its own has these."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Defaults a new contract copies and then keeps as its own."""

    renewal_window_days: int = 30
    renewal_grace_days: int = 30
    notice_days: tuple[int, ...] = (90, 60, 30, 14, 7, 1)
    usage_thresholds: tuple[int, ...] = DEFAULT_THRESHOLDS


class _Marker:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ABSENT: Final = _Marker("ABSENT")
"""In a FieldChange: there was, or is, no such field."""

ERASED: Final = _Marker("ERASED")
"""In a FieldChange, as before and after: the values were personal data, and are not told."""


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
    `by` is who asked for it: `requested_by` or else the command's source; "lifecycle" for what was due
    by itself, whichever command brought it out.
    `reason`: why it was deleted, if the command told. Of a cancellation the contract itself has it.
    """

    change: Change
    contract: Contract
    version: int
    changed_fields: tuple[FieldChange, ...]
    effective_at: datetime
    by: str
    reason: str | None = None


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
    """The command did what it asked."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The contract already was as the command wants it."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The command asks what the contract's state or the rules across fields forbid."""

    code: RejectionCode
    message: str
    errors: Sequence[FieldError] = ()


Outcome = Applied | Unchanged | Rejected


class Decision(NamedTuple):
    """What one command does.

    `contract` is the account's current contract afterwards (None: there is none). It is the very
    object that went in when nothing changed. `former` is the contract that this decision replaced
    or deleted. `events` are in the order in which they happened. Whatever the outcome, they and the
    contract hold what was due before the command, even one that is rejected or changes nothing.
    `erases`: the account's former contracts and its history lose their personal data, too.
    """

    outcome: Outcome
    contract: Contract | None
    events: tuple[Event, ...] = ()
    former: Contract | None = None
    erases: bool = False
