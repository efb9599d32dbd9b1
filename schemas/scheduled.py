"""What is scheduled on a contract: as a command asks for it, and as the contract has it."""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from schemas.parts import STRICT, Overrides
from schemas.types import (
    ContractTypeName,
    Instant,
    PositiveInt,
    Reason,
    Reference,
    TermAhead,
    TermMonths,
    Thresholds,
    Who,
)

ChangeKind = Literal["plan_change", "amendment", "cancellation"]

MOST_CHANGES: Final = 20
"""Scheduled at one time."""

RESERVED_IDS: Final = frozenset({"plan_change", "cancellation"})
"""Ids of what `change_plan` and `cancel` schedule, at most one of each: its kind."""


class AmendedTerms(Overrides, total=False):
    """Terms that an amendment sets, as a JSON merge patch."""

    term_months: TermMonths
    usage_thresholds: Thresholds | None


@with_config(STRICT)
class Phase(TypedDict):
    """Something to schedule: exactly one of `at`, `at_renewal` and `from_term` says when it happens."""

    change_id: NotRequired[Reference]
    kind: ChangeKind
    at: NotRequired[Instant]
    at_renewal: NotRequired[Literal[True]]
    from_term: NotRequired[TermAhead]
    contract_type: NotRequired[ContractTypeName]
    template_version: NotRequired[PositiveInt]
    overrides: NotRequired[Overrides]
    changes: NotRequired[AmendedTerms]
    reason: NotRequired[Reason]


@with_config(STRICT)
class ScheduledChange(TypedDict):
    """Something that will happen to the contract unless it is withdrawn."""

    change_id: NotRequired[Reference]
    kind: ChangeKind
    effective_at: Instant
    from_term: NotRequired[TermAhead]
    contract_type: NotRequired[ContractTypeName]
    template_version: NotRequired[PositiveInt]
    overrides: NotRequired[Overrides]
    changes: NotRequired[AmendedTerms]
    reason: NotRequired[Reason]
    requested_by: Who
    requested_at: Instant


def with_ids(contract: dict[str, Any]) -> dict[str, Any]:
    """The contract with the id and term of changes from before these fields: all were for the next term.

    One that waits for the beginning of a term that was agreed on early is for that term.
    """
    changes = contract["scheduled_changes"]
    if all("change_id" in each for each in changes):
        return contract
    return contract | {
        "scheduled_changes": [
            each if "change_id" in each else _with_id(each, contract["term_start"], contract["term_number"])
            for each in changes
        ]
    }


def _with_id(change: dict[str, Any], term_start: Any, term_number: int) -> dict[str, Any]:
    waits = change["kind"] == "plan_change" and change["effective_at"] == term_start
    id_: dict[str, Any] = {"change_id": change["kind"]}
    return id_ | change | {"from_term": term_number if waits else term_number + 1}
