"""What must hold between the fields of a contract taken over from an older system."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain import rules
from consumer.domain.currencies import PAST_CURRENCIES
from consumer.domain.dates import iso
from consumer.domain.mistakes import mistake
from consumer.domain.schedule import renewed_early
from consumer.domain.statuses import ENDED, RUNNING, STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from schemas.contract import Contract
    from schemas.events import FieldError
    from schemas.parts import ScheduledChange

MAX_ARREARS: Final = timedelta(days=366)
"""A running contract whose term ended longer ago is refused: catching up with all the renewals since
would make an unbounded number of events of one command."""


def broken(contract: Contract, now: datetime) -> list[FieldError]:
    """Every combination of fields that no contract of ours could have."""
    return [
        *_dates(contract),
        *_audit(contract, now),
        *_status(contract, now),
        *_cancellation(contract),
        *_scheduled(contract, now),
    ]


def keeps_past_currency(contract: Contract) -> bool:
    """Whether a currency that is none any more is right: that of a contract that is over."""
    return contract["status"] in ENDED and contract["currency"] in PAST_CURRENCIES


def broken_lifecycle(contract: Contract, data: Mapping[str, Any]) -> Iterator[FieldError]:
    """Notices are of the running term: without one there are none."""
    for name in ("noticed", "lapse_noticed"):
        if contract["status"] not in RUNNING and data.get("lifecycle", {}).get(name) is not None:
            why = f"belongs to a running contract: this one is {contract['status']}"
            yield mistake(why, "lifecycle", name)


def _dates(contract: Contract) -> Iterator[FieldError]:
    start, term_start, end = contract["start_date"], contract["term_start"], contract["end_date"]
    if end <= start:
        yield mistake(f"must be later than start_date, {iso(start)}", "end_date")
    elif not start <= term_start < end:
        yield mistake(f"must lie between {iso(start)} and {iso(end)}, start_date and end_date", "term_start")
    elif not term_start <= contract["renewal_date"] <= end:
        yield mistake(
            f"must lie between {iso(term_start)} and {iso(end)}, start and end of the term", "renewal_date"
        )


def _audit(contract: Contract, now: datetime) -> Iterator[FieldError]:
    dates: Mapping[str, Any] = contract
    for name in ("created_at", "updated_at", "cancelled_at"):
        if dates.get(name, now) > now:
            yield mistake(f"lies ahead: now is {iso(now)}", name)
    if contract["updated_at"] < contract["created_at"] <= now:
        yield mistake(f"must not be earlier than created_at, {iso(contract['created_at'])}", "updated_at")


def _status(contract: Contract, now: datetime) -> Iterator[FieldError]:
    status, end = contract["status"], contract["end_date"]
    if status == "expired" and end > now:
        yield mistake(f"cannot be expired before end_date, {iso(end)}", "status")
    if status == "pending_renewal" and contract["renewal_date"] > now:
        yield mistake(
            f"cannot be pending_renewal before renewal_date, {iso(contract['renewal_date'])}", "status"
        )
    if status in RUNNING and now - end > MAX_ARREARS:
        yield mistake(
            f"is more than a year past: a contract that is {status} must have a later one", "end_date"
        )


def _cancellation(contract: Contract) -> Iterator[FieldError]:
    for name in ("cancelled_at", "cancellation_reason"):
        if name in contract and contract["status"] != "cancelled":
            yield mistake(f"belongs to cancelled contracts: this one is {contract['status']}", name)


def _scheduled(contract: Contract, now: datetime) -> Iterator[FieldError]:
    changes, status = contract["scheduled_changes"], contract["status"]
    for i, change in enumerate(changes):
        if change["kind"] not in STATUSES[status].schedulable:
            yield mistake(f"cannot wait on a contract that is {status}", "scheduled_changes", i, "kind")
        if any(change["kind"] == earlier["kind"] for earlier in changes[:i]):
            yield mistake(f"another {change['kind']} is scheduled", "scheduled_changes", i, "kind")
        yield from _scheduled_date(contract, change, i, now)
        yield from (_plan_change(change, i) if change["kind"] == "plan_change" else _no_plan(change, i))


def _scheduled_date(
    contract: Contract, change: ScheduledChange, i: int, now: datetime
) -> Iterator[FieldError]:
    dates = {contract["end_date"]}
    if change["kind"] == "plan_change" and renewed_early(contract, now):
        dates.add(contract["term_start"])
    if change["effective_at"] not in dates:
        expected = " or ".join(map(iso, sorted(dates)))
        yield mistake(f"must be the end of the term, {expected}", "scheduled_changes", i, "effective_at")


def _plan_change(change: ScheduledChange, i: int) -> Iterator[FieldError]:
    if "contract_type" not in change:
        yield mistake("is required: the plan to change to", "scheduled_changes", i, "contract_type")
    overrides = cast("Mapping[str, Any]", change.get("overrides", {}))
    yield from rules.broken(overrides, overrides, "scheduled_changes", i, "overrides")


def _no_plan(change: ScheduledChange, i: int) -> Iterator[FieldError]:
    for name in ("contract_type", "overrides"):
        if name in change:
            yield mistake("belongs to a plan_change", "scheduled_changes", i, name)
