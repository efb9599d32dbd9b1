"""Whenever the scanner runs, the same happens: the same changes in the same order, the same outcomes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.domain.lifecycle import TIME
from consumer.domain.model import Changed, LimitReached, RenewalNotice
from schemas.views import visible
from tests.unit.domain.asked import DAY, HOUR
from tests.unit.domain.logs import YEAR, Run, every, in_time, logs, never, run

SCANNERS = {
    "never": never,
    "every 7 hours": every(7 * HOUR),
    "daily, twice at once": every(DAY, times=2),
    "monthly": every(30 * DAY),
    "after a year": every(YEAR),
}
after = st.sampled_from([timedelta(0), DAY, 45 * DAY, YEAR])


@pytest.mark.parametrize("name", SCANNERS)
@given(log=logs(), after=after)
@settings(max_examples=60)
def test_the_same_happens_as_with_a_scanner_that_is_always_in_time(name, log, after):
    until = log[-1][0] + after
    expected, seen = run(log, until, in_time), run(log, until, SCANNERS[name])
    assert _state(seen) == _state(expected)
    assert seen.outcomes == expected.outcomes
    assert _changes(seen) == _changes(expected)
    _check_only_missed_notices_are_left_out(seen, expected)


@given(log=logs())
def test_a_contract_is_due_exactly_when_something_happens(log):
    """`next_action_at` is neither early nor late: the scanner that looks then always finds something."""
    until = log[-1][0] + YEAR
    folded = run(log, until, in_time)
    for now, sent, verdict in folded.verdicts[:-1]:
        if sent.name == "advance":
            assert verdict.events
            assert all(event_due(event) == now for event in verdict.events)


def _check_only_missed_notices_are_left_out(seen: Run, expected: Run) -> None:
    for key in _left_out(list(map(_key, seen.events)), list(map(_key, expected.events))):
        assert key[0] in {"RenewalNotice", "Expiring"}
        assert _was_missed(key, seen), f"{key} was left out although somebody looked in time"


def event_due(event):
    return event.effective_at if isinstance(event, Changed) else event.notice["effective_at"]


def _state(folded: Run):
    """The contract without the marks of which command brought out what was due."""
    if folded.contract is None:
        return None
    lifecycle = {name: v for name, v in folded.contract["lifecycle"].items() if name not in {"at", "offset"}}
    return visible(folded.contract) | {"updated_at": None, "lifecycle": lifecycle}


def _changes(folded: Run) -> list:
    return [
        (event.change, event.version, event.effective_at, event.by, repr(event.changed_fields))
        for event in folded.events
        if isinstance(event, Changed)
    ]


def _key(event) -> tuple:
    """What makes an event the same, whenever it was brought out."""
    if isinstance(event, Changed):
        return ("Changed", event.contract["contract_id"], event.version, event.change)
    notice = event.notice
    if isinstance(event, LimitReached):
        # Told at the same moment, of the same usage: but for when it was brought out, nothing may differ.
        parts = {name: value for name, value in notice.items() if name != "occurred_at"}
        return ("LimitReached", notice["contract_id"], repr(parts))
    place = (notice.get("end_date"), notice.get("window_days"), notice["effective_at"])
    return (type(event).__name__, notice["contract_id"], *place)


def _left_out(seen: list[tuple], expected: list[tuple]) -> list[tuple]:
    """What is expected and not seen; what is seen must stand in the expected order."""
    missing, ahead = [], iter(expected)
    for key in seen:
        for other in ahead:
            if other == key:
                break
            missing.append(other)
        else:
            pytest.fail(f"{key} is not expected, or not here")
    return missing + list(ahead)


def _ended_by_time(contract_id: str, seen: Run) -> list[datetime]:
    """When a scheduled cancellation ended it."""
    cancelled = [event for event in seen.events if isinstance(event, Changed) and event.change == "cancelled"]
    return [
        event.effective_at
        for event in cancelled
        if event.by == TIME and event.contract["contract_id"] == contract_id
    ]


def _was_missed(key: tuple, seen: Run) -> bool:
    """Whether a wider window was named in a later notice, or nobody looked before the term was over."""
    _, contract_id, end, window, due = key
    notices = [event.notice for event in seen.events if isinstance(event, RenewalNotice)]
    later = [each for each in notices if (each["contract_id"], each["end_date"]) == (contract_id, end)]
    named = any(window in each["missed_windows"] for each in later)
    end = min([end, *_ended_by_time(contract_id, seen)])
    return named or not any(due <= look < end for look in seen.looks)
