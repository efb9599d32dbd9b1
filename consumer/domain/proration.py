"""The costs of a change of fee within a paid month: its remaining days, at the old fee and at the new one.

Days are calendar days in UTC; the day of the change is the first one at the new fee.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.domain.amounts import payable
from consumer.domain.dates import LAST_INSTANT
from consumer.domain.statuses import RUNNING
from consumer.domain.terms import monthly_total, same_monthly_total

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

    from schemas.contract import Contract
    from schemas.events import Change
    from schemas.fees import Proration

_AT_A_BEGINNING: Final[Collection[Change]] = frozenset({"renewed"})
"""Changes whose new fee begins with a term: no month is paid yet."""


def proration(before: Contract, after: Contract, change: Change, at: datetime) -> Proration | None:
    """The proration of a change; None if the fee is the same, or if nothing is paid for the month yet."""
    if change in _AT_A_BEGINNING or not _goes_on(before, after):
        return None
    old, new = monthly_total(before), monthly_total(after)
    month = None if old == new else _rest_of_month(after, at)
    return None if month is None else _prorated(month, old, new, after["currency"])


def _goes_on(before: Contract, after: Contract) -> bool:
    """Whether the contract runs before and after, and a part of the fee may have changed."""
    if same_monthly_total(before, after):
        return False
    return before["status"] in RUNNING and after["status"] in RUNNING


class _Rest(NamedTuple):
    """The rest of a month in whole days, from `begin` until before `end`, as ordinals of `date`."""

    begin: int
    end: int
    of_days: int


def _prorated(rest: _Rest, old: Decimal, new: Decimal, currency: str) -> Proration:
    days, of_days = rest.end - rest.begin, rest.of_days
    credit = payable(old * days / of_days, currency)
    charge = payable(new * days / of_days, currency)
    return {
        "from": _midnight(rest.begin),
        "to": _midnight(rest.end),
        "days": days,
        "of_days": of_days,
        "credit": credit,
        "charge": charge,
        "net": payable(charge - credit, currency),
    }


def _rest_of_month(contract: Contract, at: datetime) -> _Rest | None:
    """The rest of a moment's month, from that day, within its term; None: the month is not paid yet.

    Months are counted from the beginning of the term, on the start's day. If the contract was renewed
    early, and the term has not begun, they are counted backwards from there.
    """
    start, day, today = contract["term_start"], _day_of_month(contract), at.toordinal()
    begin, end = _anchored(at.year, at.month, day), _anchored(at.year, at.month + 1, day)
    if begin > today:
        begin, end = _anchored(at.year, at.month - 1, day), begin
    if at <= contract["start_date"] or (begin == today and at.time() <= start.time()):
        return None
    term_end = start if at < start else contract["end_date"]
    last = min(end, term_end.toordinal())
    return _Rest(today, last, end - begin) if last > today else None


def _anchored(year: int, month: int, day: int) -> int:
    """The ordinal of this day of the month, or of the month's last day. `month` may be 0 or 13."""
    before, length = _month(year, month)
    return before + min(day, length)


@lru_cache(maxsize=1024)
def _month(year: int, month: int) -> tuple[int, int]:
    """The ordinal of the day before a month, and the number of days in the month."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    if year > LAST_INSTANT.year:
        return LAST_INSTANT.toordinal(), 0
    return date(year, month, 1).toordinal() - 1, monthrange(year, month)[1]


def _day_of_month(contract: Contract) -> int:
    """The start's day, unless the term begins on another day: after a given end, or a late renewal."""
    start = contract["term_start"]
    longest = _month(start.year, start.month)[1]
    for day in (contract["start_date"].day, contract["lifecycle"]["anchor_day"]):
        if start.day == min(day, longest):
            return day
    return start.day


@lru_cache(maxsize=1024)
def _midnight(day: int) -> datetime:
    return datetime.fromordinal(day).replace(tzinfo=UTC)
