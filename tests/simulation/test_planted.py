"""Each bug that is planted in the engine is found: a check that cannot fail proves nothing."""

import pytest

from tests.simulation.planted import BUGS
from tests.simulation.schedule import run
from tests.simulation.seeds import check_found

MOST = 4_000
"""Schedules that are tried."""


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(bug, monkeypatch):
    bug.plant(monkeypatch)
    check_found(run, bug, MOST)
