"""Calendar months in UTC, as `YYYY-MM`: what usage is counted in. Their text sorts as they do."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from consumer.domain.dates import DAY

if TYPE_CHECKING:
    from schemas.contract import Contract


def period_of(moment: datetime) -> str:
    """The month that a moment lies in."""
    return f"{moment.year:04d}-{moment.month:02d}"


def before(period: str) -> str:
    """The month before."""
    year, month = _parts(period)
    return f"{year - 1:04d}-12" if month == 1 else f"{year:04d}-{month - 1:02d}"


def days_to_end(period: str, at: datetime) -> int:
    """The days until the month is over, rounded up; 0 afterwards."""
    return max(-((at - _begin(period) - _length(period)) // DAY), 0)


def elapsed(period: str, contract: Contract, at: datetime) -> tuple[timedelta, timedelta]:
    """How much of the month has passed for the contract, of how much: from its start, if that lies in it.

    At least a day has: what the first minutes of a month hold says nothing of its end.
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
    """Not by the next month's beginning: after December 9999 there is none."""
    return monthrange(*_parts(period))[1] * DAY


def _parts(period: str) -> tuple[int, int]:
    return int(period[:4]), int(period[5:])
