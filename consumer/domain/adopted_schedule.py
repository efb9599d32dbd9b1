"""What must hold of the scheduled changes of a contract taken over from an older system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from consumer.domain.dates import iso
from consumer.domain.mistakes import mistake
from consumer.domain.phases import broken_content
from consumer.domain.schedule import next_term, renewed_early
from consumer.domain.scheduling import begin_of
from consumer.domain.statuses import STATUSES
from schemas.scheduled import RESERVED_IDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from schemas.contract import Contract
    from schemas.events import FieldError
    from schemas.scheduled import ScheduledChange


def broken_schedule(contract: Contract, now: datetime) -> Iterator[FieldError]:
    """Every scheduled change that a contract of this service cannot have."""
    ids: set[str] = set()
    cancels = False
    for i, change in enumerate(contract["scheduled_changes"]):
        at, id_ = ("scheduled_changes", i), change["change_id"]
        yield from _broken_kind(contract, change, *at)
        if id_ in ids:
            yield mistake(f"another {id_} is scheduled", *at, "kind" if id_ in RESERVED_IDS else "change_id")
        elif cancels and change["kind"] == "cancellation":
            yield mistake("is a second cancellation", *at, "kind")
        ids.add(id_)
        cancels = cancels or change["kind"] == "cancellation"
        yield from _broken_date(contract, change, now, *at)
        yield from broken_content(cast("Any", change), *at)


def _broken_kind(contract: Contract, change: ScheduledChange, *at: str | int) -> Iterator[FieldError]:
    status, kind, reserved = contract["status"], change["kind"], change["change_id"] in RESERVED_IDS
    if kind not in STATUSES[status].schedulable or (reserved and status == "draft"):
        yield mistake(f"cannot wait on a contract that is {status}", *at, "kind")
    if reserved and change["change_id"] != kind:
        yield mistake(f"is the id of another kind of change, not of {kind}", *at, "change_id")


def _broken_date(
    contract: Contract, change: ScheduledChange, now: datetime, *at: str | int
) -> Iterator[FieldError]:
    """Changes of `change_plan` and `cancel` wait for the end of the term, or for one agreed on early."""
    moment, term = change["effective_at"], change.get("from_term")
    if change["change_id"] in RESERVED_IDS:
        dates = {contract["end_date"]}
        if change["kind"] == "plan_change" and renewed_early(contract, now):
            dates.add(contract["term_start"])
        if moment not in dates:
            expected = " or ".join(map(iso, sorted(dates)))
            yield mistake(f"must be the end of the term, {expected}", *at, "effective_at")
            return
    if term is None:
        if moment < contract["start_date"] and contract["status"] != "draft":
            why = f"must not be before the contract's start, {iso(contract['start_date'])}"
            yield mistake(why, *at, "effective_at")
        return
    if term < next_term(contract, now):
        yield mistake(f"has begun: the next one to begin is {next_term(contract, now)}", *at, "from_term")
    elif moment != (begin := begin_of(contract, term)):
        yield mistake(f"must be the beginning of term {term}, {iso(begin)}", *at, "effective_at")
