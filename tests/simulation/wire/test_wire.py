"""Schedules in which the service's own requests to Kafka are repeated, lost, late and answered in doubt."""

import pytest

from tests.simulation.seeds import check_all, check_found, check_repeatable
from tests.simulation.wire.planted import BUGS
from tests.simulation.wire.world import run

EACH = 50
MOST = 1_000
"""Schedules that are tried."""


@pytest.mark.parametrize("first", range(0, 6 * EACH, EACH))
def test_any_schedule_gives_the_pure_fold_exactly_once(first):
    """A failure is shown by `python -m tests.simulation --wire --seed N --trace`."""
    check_all(run, range(first, first + EACH))


def test_outputs_without_a_leader_at_the_end_count_once_they_have_one():
    """They are committed, and only their markers wait."""
    check_all(run, [20104, 20888, 21337])


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.plant.__name__)
def test_a_planted_bug_is_found(bug, monkeypatch):
    bug.plant(monkeypatch)
    check_found(run, bug, MOST)


def test_a_seed_gives_the_same_schedule_again(capsys):
    check_repeatable(run, capsys)
