"""A short run against each broker; `python -m tests.hostile --records 100000` is the long one."""

from collections import Counter
from pathlib import Path
from typing import Any

from tests.hostile.records import Hostile
from tests.hostile.running import assault

RECORDS = 2_000


def test_every_hostile_record_is_accounted_for_and_the_service_lives(
    kafka: Any, mongo: Any, database: str, tmp_path: Path
) -> None:
    outcome = assault(kafka.bootstrap, mongo.uri, tmp_path, RECORDS, seed=1, name=database)
    assert outcome.problems() == []
    reasons = {fate.removeprefix("dead letter ") for fate in outcome.fates if fate.startswith("dead letter")}
    assert reasons >= {"malformed", "bad_envelope", "unknown_type", "key_mismatch", "schema_violation"}
    assert outcome.fates["applied"] > RECORDS / 20


def test_a_seed_makes_the_same_records() -> None:
    """But for the dates in good ones, which lie around now."""
    kinds = [Counter(len(each.headers) for each in Hostile(5).messages(500)) for _ in range(2)]
    assert kinds[0] == kinds[1]
