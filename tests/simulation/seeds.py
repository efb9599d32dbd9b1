"""What tests do with many schedules, over the simulated clients or over Kafka's protocol."""

import pytest

from tests.simulation.checker import Violation
from tests.simulation.clock import Stuck


def check_all(run, seeds):
    """Each schedule passes. pytest shows the trace of the first that fails."""
    for seed in seeds:
        try:
            run(seed)
        except Exception as error:
            with pytest.raises(Exception):  # noqa: B017, PT011 - the very same one, whatever it is
                run(seed, traced=True)
            raise AssertionError(f"seed {seed}: {error!r}") from error


def check_found(run, bug, most):
    """A planted bug fails one of so many schedules."""
    for seed in range(bug.first, bug.first + most):
        try:
            run(seed)
        except (Violation, Stuck):
            return
    pytest.fail(f"not found in {most} schedules")


def check_repeatable(run, capsys):
    """A seed gives the same schedule again."""
    traces = []
    for _ in range(2):
        run(11, traced=True)
        traces.append(capsys.readouterr().out)
    assert traces[0] == traces[1]
    assert len(traces[0].splitlines()) > 50
