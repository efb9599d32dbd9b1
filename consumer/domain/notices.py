"""Notice windows: who is told what before a term ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from consumer.domain.dates import DAY, add_months, days_left
from consumer.domain.model import Expiring, RenewalNotice
from consumer.domain.schedule import scheduled
from consumer.domain.terms import monthly_total, with_plan
from schemas.events import ExpiringData
from schemas.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from consumer.domain.model import Event
    from schemas.contract import Contract
    from schemas.events import NextTerm, Recipient

LapseReason = Literal["cancellation_scheduled", "no_auto_renewal"]

_TWO_DAYS: Final = 2 * DAY
_COPIED: Final = tuple(name for name in ExpiringData.__annotations__ if name in FIELDS)
"""What a notice tells of the contract, so that nobody must look it up."""


def next_window(contract: Contract, now: datetime) -> int | None:
    """The window, in days, of the next notice: the most urgent one reached at `now`, else the next to open.

    Windows longer than half the term do not apply, and those of an ended term are not noticed any more.
    """
    end = contract["end_date"]
    windows = _ahead(contract)
    left = days_left(end, now)
    if not windows or left <= 0:
        return None
    reached = [window for window in windows if window >= left]
    return min(reached) if reached else max(windows)


def window_opens(contract: Contract, window: int) -> datetime:
    """When a window of the running term is reached."""
    return contract["end_date"] - window * DAY


def crossing(contract: Contract, window: int, due: datetime, now: datetime) -> list[Event]:
    """The events of reaching a window: a renewal notice always, an expiring event where it will lapse."""
    renewal_notice = _renewal_notice(contract, window, due, now)
    return [renewal_notice, expiring(contract, window, due, now)] if lapses(contract) else [renewal_notice]


def expiring(contract: Contract, window: int, effective_at: datetime, now: datetime) -> Expiring:
    """The event of a contract inside a window that will lapse."""
    notice: Any = {**_common(contract, window, effective_at, now), "reason": lapse_reason(contract)}
    return Expiring(notice)


def lapses(contract: Contract) -> bool:
    """Whether the contract ends with its term unless somebody acts."""
    return lapse_reason(contract) is not None


def lapse_reason(contract: Contract) -> LapseReason | None:
    """Why the contract will end with its term; None: it renews."""
    if scheduled(contract, "cancellation"):
        return "cancellation_scheduled"
    return None if contract["auto_renewal"] else "no_auto_renewal"


def _renewal_notice(contract: Contract, window: int, effective_at: datetime, now: datetime) -> RenewalNotice:
    notice: Any = {
        **_common(contract, window, effective_at, now),
        "term_number": contract["term_number"],
        "missed_windows": sorted({each for each in _ahead(contract) if each > window}, reverse=True),
        "next_term": _next_term(contract),
        "recipients": _recipients(contract),
    }
    if reason := lapse_reason(contract):
        notice["reason"] = reason
    return RenewalNotice(notice)


def _ahead(contract: Contract) -> list[int]:
    """The windows of the running term that need a notice, or will."""
    longest = (contract["end_date"] - contract["term_start"]) // _TWO_DAYS
    noticed = contract["lifecycle"]["noticed"]
    if noticed is not None and noticed <= longest:
        longest = noticed - 1
    return [window for window in contract["notice_days"] if window <= longest]


def _common(contract: Contract, window: int, effective_at: datetime, now: datetime) -> dict[str, Any]:
    terms: Mapping[str, Any] = contract
    return {name: terms[name] for name in _COPIED if name in terms} | {
        "days_left": days_left(contract["end_date"], now),
        "window_days": window,
        "effective_at": effective_at,
        "occurred_at": now,
    }


def _next_term(contract: Contract) -> NextTerm:
    end = contract["end_date"]
    if lapses(contract):
        return {"action": "lapses", "on": end}
    if plan := scheduled(contract, "plan_change"):
        contract = with_plan(contract, plan["contract_type"], plan.get("overrides", {}))
    return {
        "action": "renews",
        "on": end,
        "contract_type": contract["contract_type"],
        "monthly_total": monthly_total(contract),
        "until": add_months(end, contract["term_months"], contract["lifecycle"]["anchor_day"]),
    }


def _recipients(contract: Contract) -> list[Recipient]:
    """Whom to tell; a person who is both contacts is told once."""
    recipients: list[Recipient] = []
    for role in ("primary", "billing"):
        contact: Any = contract.get(f"{role}_contact", {})
        email = contact.get("email")
        if email and all(each["email"] != email for each in recipients):
            recipient: Any = {"contact": role, "email": email}
            recipients.append(recipient | {"name": contact["name"]} if "name" in contact else recipient)
    return recipients
