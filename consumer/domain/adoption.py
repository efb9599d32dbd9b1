"""Rules between the fields of a contract that is taken over from another system."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from consumer.domain.adopted_schedule import broken_schedule
from consumer.domain.currencies import PAST_CURRENCIES
from consumer.domain.dates import iso
from consumer.domain.mistakes import mistake
from consumer.domain.statuses import ENDED, RUNNING
from consumer.domain.versions import broken_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from consumer.domain.lifecycle import Moment
    from schemas.contract import Contract
    from schemas.events import FieldError

MAX_ARREARS: Final = timedelta(days=366)
"""A running contract whose term ended longer ago is rejected. Otherwise one command could make any number of
events: one for each missed renewal."""


def broken(contract: Contract, moment: Moment) -> list[FieldError]:
    """Every combination of fields that a contract of this service cannot have."""
    now = moment.now
    return [
        *_dates(contract),
        *_audit(contract, now),
        *_status(contract, now),
        *_renewal_terms(contract),
        *_offers(contract),
        *_cancellation(contract),
        *broken_schedule(contract, now),
        *_versions(contract, moment),
    ]


def keeps_past_currency(contract: Contract) -> bool:
    """Whether a withdrawn currency is accepted: only for a contract that has ended."""
    return contract["status"] in ENDED and contract["currency"] in PAST_CURRENCIES


def broken_lifecycle(contract: Contract, data: Mapping[str, Any], moment: Moment) -> Iterator[FieldError]:
    """Notices belong to the running term: a contract without one has none. A version must be a known one."""
    if number := data.get("lifecycle", {}).get("terms_version"):
        for wrong in broken_version({"template_version": number}, moment):
            yield mistake(wrong["message"], "lifecycle", "terms_version")
        if "contract_type" not in contract.get("renewal_terms", {}):
            yield mistake("belongs to renewal_terms with a plan", "lifecycle", "terms_version")
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


def _renewal_terms(contract: Contract) -> Iterator[FieldError]:
    terms, running = contract.get("renewal_terms"), contract["term_number"]
    if terms and contract["status"] not in ENDED and terms["from_term"] < running:
        why = f"is over: the running term is {running}, and the next one {running + 1}"
        yield mistake(why, "renewal_terms", "from_term")


def _offers(contract: Contract) -> Iterator[FieldError]:
    if "offers" in contract and contract["status"] not in RUNNING:
        yield mistake(f"belong to a running contract: this one is {contract['status']}", "offers")


def _cancellation(contract: Contract) -> Iterator[FieldError]:
    for name in ("cancelled_at", "cancellation_reason"):
        if name in contract and contract["status"] != "cancelled":
            yield mistake(f"belongs to cancelled contracts: this one is {contract['status']}", name)


def _versions(contract: Contract, moment: Moment) -> Iterator[FieldError]:
    yield from broken_version(contract, moment)
    yield from broken_version(contract.get("renewal_terms", {}), moment, "renewal_terms")
    for i, change in enumerate(contract["scheduled_changes"]):
        yield from broken_version(change, moment, "scheduled_changes", i)
    for i, offer in enumerate(contract.get("offers", ())):
        yield from broken_version(offer["terms"], moment, "offers", i, "terms")
