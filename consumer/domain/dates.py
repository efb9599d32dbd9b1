"""Calendar arithmetic for terms, in UTC: there are no changes to daylight saving time."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final

DAY: Final = timedelta(days=1)
LAST_INSTANT: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""No term ends later: such a date could not be stored, nor written as RFC 3339."""

MILLISECOND: Final = timedelta(milliseconds=1)
_AVERAGE_MONTH: Final = timedelta(days=30.436875)


def add_months(moment: datetime, months: int, anchor_day: int) -> datetime:
    """`months` later, on the anchor's day of the month or, if that month is shorter, on its last day.

    Anchored, so that 31 January + 1 month is 28 February, and one more month is 31 March again.
    Stops at LAST_INSTANT.
    """
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    if year > LAST_INSTANT.year:
        return LAST_INSTANT
    day = min(anchor_day, monthrange(year, month + 1)[1])
    return min(moment.replace(year=year, month=month + 1, day=day), LAST_INSTANT)


def months_between(start: datetime, end: datetime) -> int:
    """The whole months between, rounded, within the 1 to 120 that a term may have."""
    return min(max(round((end - start) / _AVERAGE_MONTH), 1), 120)


def half(term: timedelta) -> timedelta:
    """Half a term, in whole milliseconds as all stored dates."""
    return term // (2 * MILLISECOND) * MILLISECOND


def days_left(end: datetime, now: datetime) -> int:
    """The number of days until `end`, rounded up."""
    return -((now - end) // DAY)


def iso(moment: datetime) -> str:
    """An instant as it is written in messages."""
    return moment.isoformat().replace("+00:00", "Z")
