"""Ten thousand schedules: whatever happens, each command is applied once and its events published once."""

import pytest

from tests.simulation.schedule import run

EACH = 500


@pytest.mark.parametrize("first", range(0, 20 * EACH, EACH))
def test_any_schedule_gives_the_pure_fold_exactly_once(first):
    """A failure is shown by `python -m tests.simulation --seed N --trace`."""
    for seed in range(first, first + EACH):
        try:
            run(seed)
        except Exception as error:
            run_again(seed)
            raise AssertionError(f"seed {seed}: {error!r}") from error


def run_again(seed):
    """The same with its trace, which pytest shows."""
    with pytest.raises(Exception):  # noqa: B017, PT011 - the very same one, whatever it is
        run(seed, traced=True)


def test_a_seed_gives_the_same_schedule_again(capsys):
    traces = []
    for _ in range(2):
        run(11, traced=True)
        traces.append(capsys.readouterr().out)
    assert traces[0] == traces[1]
    assert len(traces[0].splitlines()) > 50
