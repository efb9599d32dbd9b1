"""Where a damaged batch ends: believed only when something else says so, too."""

import pytest

from consumer.kafka.damage import offset_after
from tests.contract.kafka.leading import batch

SECOND = batch(1, b"2")
FIRST = batch(0, b"1")
DISTANCE_AT = 26
"""The last byte of the count from which the last offset follows."""


def with_byte(block: bytes, at: int, value: int) -> bytes:
    return block[:at] + bytes([value]) + block[at + 1 :]


DAMAGED = with_byte(FIRST, len(FIRST) - 1, 99)
LYING = with_byte(FIRST, DISTANCE_AT, 7)
SECOND_DAMAGED = with_byte(SECOND, len(SECOND) - 1, 99)


@pytest.mark.parametrize(
    ("block", "stable", "after"),
    [
        (DAMAGED + SECOND, 2, 1),
        (DAMAGED + SECOND[:-3], 2, 1),
        (DAMAGED + SECOND_DAMAGED, 2, 1),
        (LYING + SECOND, 2, 1),
        (LYING + SECOND_DAMAGED, 2, None),
        (DAMAGED, 1, 1),
        (DAMAGED, 2, None),
        (LYING, 1, None),
        (DAMAGED[:26], 1, None),
        (with_byte(DAMAGED, 11, 1) + SECOND, 2, None),
        (with_byte(DAMAGED, 8, 255) + SECOND, 2, None),
    ],
    ids=[
        "the next begins there",
        "the next is cut off",
        "the next is damaged, too",
        "only the next one says so",
        "two that contradict each other",
        "the log ends there",
        "the log goes on, but was not read",
        "it claims more than there is",
        "no whole header",
        "a wrong length",
        "a length below nothing",
    ],
)
def test_the_offset_after(block: bytes, stable: int, after: int | None) -> None:
    assert offset_after(block, stable) == after
