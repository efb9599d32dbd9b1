"""Month arithmetic."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.domain.dates import DAY, LAST_INSTANT, add_months, days_left, half, iso, months_between
from tests.unit.domain.story import instant

moments = st.integers(0, 220_000_000_000_000).map(
    lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)
terms = st.integers(1, 120)


@pytest.mark.parametrize(
    ("start", "months", "anchor", "end"),
    [
        ("2026-01-31", 1, 31, "2026-02-28"),
        ("2028-01-31", 1, 31, "2028-02-29"),
        ("2026-02-28", 1, 31, "2026-03-31"),
        ("2026-01-31", 2, 31, "2026-03-31"),
        ("2024-02-29", 12, 29, "2025-02-28"),
        ("2024-02-29", 48, 29, "2028-02-29"),
        ("2025-12-15", 1, 15, "2026-01-15"),
        ("2026-01-31", 120, 31, "2036-01-31"),
    ],
)
def test_months_keep_the_anchors_day(start, months, anchor, end):
    assert add_months(instant(start), months, anchor) == instant(end)


@given(moments, terms)
def test_an_end_falls_on_the_anchors_day_or_on_the_months_last(start, months):
    end = add_months(start, months, start.day)
    assert end > start
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day == min(start.day, calendar.monthrange(end.year, end.month)[1])
    assert end.timetz() == start.timetz()


@given(moments, st.lists(terms, min_size=1, max_size=5))
def test_terms_add_up_whatever_they_are_split_into(start, months):
    end = start
    for each in months:
        end = add_months(end, each, start.day)
    assert end == add_months(start, sum(months), start.day)


@given(moments, terms)
def test_months_between_is_the_way_back(start, months):
    assert months_between(start, add_months(start, months, start.day)) == months


def test_the_calendar_ends():
    assert add_months(instant("9999-06-01"), 12, 1) == LAST_INSTANT
    assert add_months(instant("9999-11-30T12:00"), 1, 31) == LAST_INSTANT


@given(moments, st.timedeltas(timedelta(0), timedelta(days=9000)))
def test_days_left_are_rounded_up(now, left):
    days = days_left(now + left, now)
    assert days * DAY >= left > (days - 1) * DAY


@given(st.timedeltas(timedelta(0), timedelta(days=9000)))
def test_half_a_term_is_in_whole_milliseconds(term):
    assert half(term).microseconds % 1000 == 0
    assert timedelta(0) <= term - 2 * half(term) < timedelta(milliseconds=2)


def test_messages_show_instants_as_the_wire_does():
    assert iso(instant("2026-01-31T10:00:00.5")) == "2026-01-31T10:00:00.500000Z"
