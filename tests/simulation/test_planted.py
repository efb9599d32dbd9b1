"""Each bug that is planted in the engine is found: a check that cannot fail proves nothing."""

import pytest

from tests.simulation import planted, planted_left_out
from tests.simulation.bugs import BUGS
from tests.simulation.schedule import run
from tests.simulation.seeds import check_found

__all__ = ["planted", "planted_left_out"]  # imported for the bugs that they register

MOST = 4_000
"""Schedules that are tried."""


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(bug, monkeypatch):
    bug.plant(monkeypatch)
    check_found(run, bug, MOST)
