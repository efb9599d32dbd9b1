"""How many commands of each partition are in a batch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.engine.schedule import parts_of


@pytest.mark.parametrize(
    ("waiting", "parts"),
    [
        ([1_000], [1_000]),
        ([6_000], [1_000]),
        ([2, 3], [2, 3]),
        ([600, 600], [500, 500]),
        ([6_000, *[2] * 47], [906, *[2] * 47]),
        ([900, 50, 900], [475, 50, 475]),
    ],
)
def test_what_one_does_not_need_the_others_have(waiting, parts):
    assert parts_of(1_000, waiting) == parts


@given(st.integers(1, 2_000), st.lists(st.integers(1, 10_000), min_size=1, max_size=60))
def test_a_batch_is_full_or_has_all_that_waits(commands, waiting):
    parts = parts_of(commands, waiting)
    assert all(1 <= part <= has for part, has in zip(parts, waiting, strict=True))
    assert sum(parts) <= max(commands, len(waiting))
    assert sum(parts) >= min(commands, sum(waiting))
