"""Notice windows: who is told what, and when, before a term ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from consumer.domain.dates import DAY, add_months, days_left
from consumer.domain.model import Expiring, RenewalNotice
from consumer.domain.terms import with_plan

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.model import Event
    from schemas.contract import Contract
    from schemas.events import NextTerm, Recipient

LapseReason = Literal["cancellation_scheduled", "no_auto_renewal"]

_ALWAYS: Final = ("account_id", "contract_id", "contract_type", "end_date", "base_monthly_fee", "currency")
_CONTACTS: Final = ("primary_contact", "billing_contact")


def lapse_reason(contract: Contract) -> LapseReason | None:
    """Why the contract will end with its term; None: it renews."""
    if any(each["kind"] == "cancellation" for each in contract["scheduled_changes"]):
        return "cancellation_scheduled"
    return None if contract["auto_renewal"] else "no_auto_renewal"


def lapses(contract: Contract) -> bool:
    """Whether the contract ends with its term unless somebody acts."""
    return lapse_reason(contract) is not None


def reached(contract: Contract, now: datetime) -> list[int]:
    """The windows that apply to the running term and are open at `now`."""
    end = contract["end_date"]
    return [window for window in _applicable(contract) if end - window * DAY <= now]


def most_urgent(contract: Contract, now: datetime) -> int | None:
    """The smallest window reached."""
    return min(reached(contract, now), default=None)


def next_opening(contract: Contract, now: datetime) -> datetime | None:
    """When the next notice is due: of the windows already reached the most urgent one's, else the first."""
    end = contract["end_date"]
    ahead = _unnoticed(contract)
    if not ahead or now >= end:
        return None
    open_now = [window for window in ahead if end - window * DAY <= now]
    return end - (min(open_now) if open_now else max(ahead)) * DAY


def crossing(contract: Contract, due: datetime, now: datetime) -> list[Event]:
    """The events of crossing a window: a renewal notice, and an expiring event where it lapses."""
    window = (contract["end_date"] - due) // DAY
    common = _common(contract, window, due, now)
    missed = sorted((each for each in _unnoticed(contract) if each > window), reverse=True)
    notice: Any = common | {
        "term_number": contract["term_number"],
        "missed_windows": missed,
        "next_term": _next_term(contract),
        "recipients": _recipients(contract),
    }
    reason = lapse_reason(contract)
    if reason is None:
        return [RenewalNotice(notice)]
    return [RenewalNotice(notice | {"reason": reason}), Expiring(common | {"reason": reason})]


def expiring(contract: Contract, window: int, effective_at: datetime, now: datetime) -> Expiring:
    """The event of a contract that will lapse."""
    notice: Any = _common(contract, window, effective_at, now)
    return Expiring(notice | {"reason": lapse_reason(contract)})


def _applicable(contract: Contract) -> list[int]:
    term = contract["end_date"] - contract["term_start"]
    return [window for window in contract["notice_days"] if 2 * window * DAY <= term]


def _unnoticed(contract: Contract) -> list[int]:
    noticed = contract["lifecycle"]["noticed"]
    windows = _applicable(contract)
    return windows if noticed is None else [window for window in windows if window < noticed]


def _common(contract: Contract, window: int, effective_at: datetime, now: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = {name: contract[name] for name in _ALWAYS}  # type: ignore[literal-required]
    shown |= {name: contract[name] for name in _CONTACTS if name in contract}  # type: ignore[literal-required]
    return shown | {
        "features": contract["features"],
        "days_left": days_left(contract["end_date"], now),
        "window_days": window,
        "effective_at": effective_at,
        "occurred_at": now,
    }


def _next_term(contract: Contract) -> NextTerm:
    end = contract["end_date"]
    if lapses(contract):
        return {"action": "lapses", "on": end}
    for each in contract["scheduled_changes"]:
        if each["kind"] == "plan_change":
            contract = with_plan(contract, each["contract_type"], each.get("overrides", {}))
    return {
        "action": "renews",
        "on": end,
        "contract_type": contract["contract_type"],
        "monthly_total": contract["base_monthly_fee"]
        + sum(add_on["monthly_fee"] for add_on in contract["add_ons"] if add_on.get("active", True)),
        "until": add_months(end, contract["term_months"], contract["lifecycle"]["anchor_day"]),
    }


def _recipients(contract: Contract) -> list[Recipient]:
    recipients: list[Recipient] = []
    for role in ("primary", "billing"):
        contact: Any = contract.get(f"{role}_contact", {})
        if email := contact.get("email"):
            name = {"name": contact["name"]} if "name" in contact else {}
            recipients.append({"contact": role, "email": email, **name})  # type: ignore[typeddict-item]
    return recipients
