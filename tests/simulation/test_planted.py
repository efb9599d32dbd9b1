"""Each bug that is planted in the engine is found: a check that cannot fail proves nothing."""

import pytest

from tests.simulation.checker import Violation
from tests.simulation.clock import Stuck
from tests.simulation.planted import BUGS
from tests.simulation.schedule import run

MOST = 4_000
"""Schedules that are tried."""


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(bug, monkeypatch):
    bug.plant(monkeypatch)
    for seed in range(bug.first, bug.first + MOST):
        try:
            run(seed)
        except (Violation, Stuck):
            return
    pytest.fail(f"not found in {MOST} schedules")
