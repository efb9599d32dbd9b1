"""Ten thousand schedules: whatever happens, each command is applied once and its events published once."""

import pytest

from tests.simulation.schedule import run
from tests.simulation.seeds import check_all, check_repeatable

EACH = 500


@pytest.mark.parametrize("first", range(0, 20 * EACH, EACH))
def test_any_schedule_gives_the_pure_fold_exactly_once(first):
    """A failure is shown by `python -m tests.simulation --seed N --trace`."""
    check_all(run, range(first, first + EACH))


def test_a_seed_gives_the_same_schedule_again(capsys):
    check_repeatable(run, capsys)
