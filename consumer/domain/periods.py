"""Calendar months in UTC, as `YYYY-MM`: the periods of usage. Their texts sort in order of time."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from consumer.domain.dates import DAY

if TYPE_CHECKING:
    from schemas.contract import Contract


def period_of(moment: datetime) -> str:
    """The month of a moment."""
    return f"{moment.year:04d}-{moment.month:02d}"


def before(period: str) -> str:
    """The month before."""
    year, month = _parts(period)
    return f"{year - 1:04d}-12" if month == 1 else f"{year:04d}-{month - 1:02d}"


def days_to_end(period: str, at: datetime) -> int:
    """The number of days until the month is over, rounded up; 0 afterwards."""
    return max(-((at - _begin(period) - _length(period)) // DAY), 0)


def elapsed(period: str, contract: Contract, at: datetime) -> tuple[timedelta, timedelta]:
    """The elapsed part of the month, and its length.

    If the contract starts in the month, both are counted from its start. At least one day counts as
    elapsed: the usage of a few minutes does not predict a month.
    """
    begin, length = _begin(period), _length(period)
    passed = min(at - begin, length)
    start = contract["start_date"] - begin
    missed = start if timedelta(0) < start < passed else timedelta(0)
    whole = length - missed
    return min(max(passed - missed, DAY), whole), whole


def _begin(period: str) -> datetime:
    year, month = _parts(period)
    return datetime(year, month, 1, tzinfo=UTC)


def _length(period: str) -> timedelta:
    """Computed without the first day of the next month, which does not exist after December 9999."""
    return monthrange(*_parts(period))[1] * DAY


def _parts(period: str) -> tuple[int, int]:
    return int(period[:4]), int(period[5:])
