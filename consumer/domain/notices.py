"""Notice windows: when a notice is sent, to whom, and what it contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from consumer.domain.dates import DAY, add_months, days_left
from consumer.domain.model import Expiring, RenewalNotice
from consumer.domain.renewal import at_renewal, changes_ahead, terms_ahead, terms_for_notice
from consumer.domain.schedule import unnoticed
from consumer.domain.scheduling import ending
from consumer.domain.terms import monthly_total
from schemas.events import ExpiringData
from schemas.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from consumer.domain.catalogue import Catalogue
    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Event
    from schemas.contract import Contract
    from schemas.events import Recipient
    from schemas.fees import NextTerm
    from schemas.parts import ToldTerms

LapseReason = Literal["cancellation_scheduled", "no_auto_renewal"]

_TWO_DAYS: Final = 2 * DAY
_COPIED: Final = tuple(name for name in ExpiringData.__annotations__ if name in FIELDS)
"""The fields of the contract that a notice contains, so that no look-up is necessary."""


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


def crossing(contract: Contract, window: int, due: datetime, moment: Moment) -> list[Event]:
    """The events of reaching a window: a renewal notice, and an expiring event if the contract will lapse."""
    renewal_notice = _renewal_notice(contract, window, due, moment)
    if lapses(contract):
        return [renewal_notice, expiring(contract, window, due, moment)]
    return [renewal_notice]


def expiring(contract: Contract, window: int, effective_at: datetime, moment: Moment) -> Expiring:
    """The event of a contract inside a window that will lapse."""
    common = _common(contract, window, effective_at, moment)
    notice: Any = {**common, "reason": lapse_reason(contract)}
    return Expiring(notice)


def changed_terms(contract: Contract, moment: Moment) -> list[Event]:
    """The notice of the last window again, if the renewal's terms differ from those in that notice."""
    window, last = contract["lifecycle"]["noticed"], contract["lifecycle"].get("told_terms")
    if window is None or lapses(contract) or not _differs_from_notice(contract, last, moment.catalogue):
        return []
    again = _renewal_notice(contract, window, moment.now, moment)
    again.notice["terms_changed"] = True
    return [again]


def _differs_from_notice(contract: Contract, last: ToldTerms | None, catalogue: Catalogue) -> bool:
    """Whether the renewal's terms are others than the last notice said. What is in force by now was ahead."""
    agreed = terms_for_notice(contract, catalogue)
    if last is None:
        return agreed is not None
    return _in_notice(contract, agreed or terms_ahead(contract, catalogue)) != _in_notice(contract, last)


def _in_notice(contract: Contract, terms: ToldTerms) -> tuple[str, Decimal, datetime]:
    """What a notice says of terms: not their length but their end, and no term ends after the year 9999."""
    return terms["contract_type"], terms["base_monthly_fee"], _end_of_next(contract, terms["term_months"])


def marked(contract: Contract, window: int, catalogue: Catalogue) -> Contract:
    """The contract with a window's notice marked as sent, and its renewal terms."""
    lapsing = lapses(contract)
    marks = unnoticed(contract["lifecycle"]) | {
        "noticed": window,
        "lapse_noticed": window if lapsing else None,
    }
    if not lapsing and (terms := terms_for_notice(contract, catalogue)):
        marks["told_terms"] = terms
    return contract | {"lifecycle": marks}


def lapses(contract: Contract) -> bool:
    """Whether the contract ends with its term unless somebody acts."""
    return lapse_reason(contract) is not None


def lapse_reason(contract: Contract) -> LapseReason | None:
    """Why the contract will end with its term; None: it renews."""
    if ending(contract):
        return "cancellation_scheduled"
    return None if contract["auto_renewal"] else "no_auto_renewal"


def _renewal_notice(contract: Contract, window: int, effective_at: datetime, moment: Moment) -> RenewalNotice:
    notice: Any = {
        **_common(contract, window, effective_at, moment),
        "term_number": contract["term_number"],
        "missed_windows": sorted({each for each in _ahead(contract) if each > window}, reverse=True),
        "next_term": _next_term(contract, moment.catalogue),
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


def _common(contract: Contract, window: int, effective_at: datetime, moment: Moment) -> dict[str, Any]:
    terms: Mapping[str, Any] = contract
    notice = {name: terms[name] for name in _COPIED if name in terms} | {
        "days_left": days_left(contract["end_date"], moment.now),
        "window_days": window,
        "effective_at": effective_at,
        "occurred_at": moment.now,
    }
    if changes_ahead(contract):
        notice["renewal_fee"] = {
            "before": contract["base_monthly_fee"],
            "after": at_renewal(contract, moment.catalogue)["base_monthly_fee"],
        }
    return notice


def _next_term(contract: Contract, catalogue: Catalogue) -> NextTerm:
    end = contract["end_date"]
    if cancellation := ending(contract):
        return {"action": "lapses", "on": cancellation["effective_at"]}
    if not contract["auto_renewal"]:
        return {"action": "lapses", "on": end}
    ahead = at_renewal(contract, catalogue)
    return {
        "action": "renews",
        "on": end,
        "contract_type": ahead["contract_type"],
        "monthly_total": monthly_total(ahead),
        "until": _end_of_next(contract, ahead["term_months"]),
    }


def _end_of_next(contract: Contract, months: int) -> datetime:
    return add_months(contract["end_date"], months, contract["lifecycle"]["anchor_day"])


def _recipients(contract: Contract) -> list[Recipient]:
    """The contacts of a notice, each person once."""
    recipients: list[Recipient] = []
    for role in ("primary", "billing"):
        contact: Any = contract.get(f"{role}_contact", {})
        email = contact.get("email")
        if email and all(each["email"] != email for each in recipients):
            recipient: Any = {"contact": role, "email": email}
            recipients.append(recipient | {"name": contact["name"]} if "name" in contact else recipient)
    return recipients
