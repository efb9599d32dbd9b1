"""Goals beside results: reached, missed with what forbids it, or not measured."""

import pytest

from benchmarks import goals
from benchmarks.goals import GOALS, Goal, rows

MOST = Goal("wait", 120, lambda found: found["wait"], " ms", floor=lambda found: f"{found['bare']} ms bare.")
LEAST = Goal("speed", 0.8, lambda found: found["speed"], least=True)


@pytest.mark.parametrize(
    ("goal", "found", "row"),
    [
        (MOST, {"wait": 120}, ("wait", "≤ 120 ms", "120 ms", "reached")),
        (MOST, {"wait": 121, "bare": 99}, ("wait", "≤ 120 ms", "121 ms", "missed. 99 ms bare.")),
        (MOST, {"wait": 121}, ("wait", "≤ 120 ms", "121 ms", "missed. No floor is known.")),
        (MOST, {}, ("wait", "≤ 120 ms", "not measured", "")),
        (LEAST, {"speed": 0.8}, ("speed", "≥ 0.8", "0.8", "reached")),
        (LEAST, {"speed": 0.79}, ("speed", "≥ 0.8", "0.79", "missed. No floor is known.")),
    ],
)
def test_a_goal_beside_what_was_measured(goal, found, row):
    assert goal.row(found) == row


def test_what_a_short_run_leaves_out_is_not_measured():
    found = {"machine": {"cores": 2}, "ratios": {}}
    assert {measured for _, _, measured, _ in rows(found)} == {"not measured"}
    assert len(GOALS) == len({goal.what for goal in GOALS})


@pytest.mark.parametrize(
    ("floor", "found", "told"),
    [
        (
            goals._plain_loop,
            {"partitions": {"rows": {"4 partitions, 2,500 commands/s, plain loop": {"p99_ms": 134.2}}}},
            "134 ms here",
        ),
        (goals._plain_loop_alone, {"latency": {"plain_ratio": 1.351}}, "1.35 times them here"),
    ],
)
def test_the_plain_loop_is_a_floor(floor, found, told):
    assert told in floor(found)
