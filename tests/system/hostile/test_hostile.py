"""A short run; `python -m tests.system.hostile --records 100000` is the long one."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.system.hostile.records import Hostile
from tests.system.hostile.running import CHUNK, JUDGED_FROM, Held, Outcome, assault

RECORDS = 2_000


def test_every_hostile_record_is_accounted_for_and_the_service_lives(
    kafka: Any, mongo: Any, database: str, tmp_path: Path
) -> None:
    outcome = assault(kafka.bootstrap, mongo.uri, tmp_path, RECORDS, seed=1, name=database)
    assert outcome.problems() == []
    reasons = {fate.removeprefix("dead letter ") for fate in outcome.fates if fate.startswith("dead letter")}
    assert reasons >= {"malformed", "bad_envelope", "unknown_type", "key_mismatch", "schema_violation"}
    assert outcome.fates["applied"] > RECORDS / 20


@pytest.mark.parametrize(
    ("a_record", "found"),
    [
        ((0.3, 20, 0.0001), None),
        ((1, 20, 0.0001), "objects stay"),
        ((0.3, 80, 0.0001), "bytes stay"),
        ((0.3, 20, 0.001), "resident memory grows"),
    ],
)
def test_what_stays_of_each_record_is_a_leak(a_record: tuple[float, ...], found: str | None) -> None:
    begun = (400_000, 17_000_000, 90)
    memory = [
        Held(records, *(int(at + records * each) for at, each in zip(begun, a_record, strict=True)))
        for records in range(CHUNK, JUDGED_FROM + 1, CHUNK)
    ]
    outcome = Outcome(sent=JUDGED_FROM, fates=Counter(applied=JUDGED_FROM), memory=memory, exit_code=0)
    problems = outcome.problems()
    assert len(problems) == (0 if found is None else 1)
    assert found is None or found in problems[0]


def test_a_seed_makes_the_same_records() -> None:
    """But for the dates in good ones, which lie around now."""
    kinds = [Counter(len(each.headers) for each in Hostile(5).messages(500)) for _ in range(2)]
    assert kinds[0] == kinds[1]
