"""Schedules in which the service's own requests to Kafka are repeated, lost, late and answered in doubt."""

import pytest

from tests.simulation.checker import Violation
from tests.simulation.clock import Stuck
from tests.simulation.wire.planted import BUGS
from tests.simulation.wire.world import run

EACH = 50
MOST = 1_000
"""Schedules that are tried."""


@pytest.mark.parametrize("first", range(0, 6 * EACH, EACH))
def test_any_schedule_gives_the_pure_fold_exactly_once(first):
    """A failure is shown by `python -m tests.simulation --wire --seed N --trace`."""
    for seed in range(first, first + EACH):
        try:
            run(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.plant.__name__)
def test_a_planted_bug_is_found(bug, monkeypatch):
    bug.plant(monkeypatch)
    for seed in range(bug.first, bug.first + MOST):
        try:
            run(seed)
        except (Violation, Stuck):
            return
    pytest.fail(f"not found in {MOST} schedules")


def test_a_seed_gives_the_same_schedule_again(capsys):
    traces = []
    for _ in range(2):
        run(11, traced=True)
        traces.append(capsys.readouterr().out)
    assert traces[0] == traces[1]
    assert len(traces[0].splitlines()) > 50
