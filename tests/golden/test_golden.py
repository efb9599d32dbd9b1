"""The same log gives the same bytes as when it was recorded, however its records are grouped.

When this fails and the change is meant: `python -m tests.golden`, look at the diff of made.jsonl, and
say in CHANGELOG.md what a replay now makes otherwise.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import get_args

import orjson
import pytest

from schemas.commands import COMMANDS
from schemas.events import EVENTS, Change, DeadLetterCode, OutcomeName, RejectionCode
from tests.golden.files import MADE, read_log
from tests.golden.pipeline import made_of

LOG = read_log()
RECORDED = MADE.read_bytes().splitlines()


def _grouped(seed: int) -> list[int]:
    return Random(seed).sample(range(1, len(LOG)), 20)


GROUPS = {
    "all at once": [],
    "one by one": list(range(1, len(LOG))),
    **{f"by chance, {seed}": _grouped(seed) for seed in range(3)},
}


@pytest.mark.parametrize("ends", GROUPS.values(), ids=GROUPS.keys())
def test_the_log_gives_what_it_gave(ends):
    made = made_of(LOG, ends)
    differing = (pair for pair in zip(made, RECORDED, strict=False) if pair[0] != pair[1])
    first_made, first_recorded = next(differing, (b"{}", b"{}"))
    assert orjson.loads(first_made) == orjson.loads(first_recorded)
    assert made == RECORDED


def _made(what: str) -> list:
    return [line for line in map(orjson.loads, RECORDED) if line["made"] == what]


def test_the_log_has_every_command_outcome_and_event():
    history = [line["document"] for line in _made("history")]
    applied = [entry for entry in history if entry["outcome"] == "applied"]
    assert {entry["type"] for entry in applied} == COMMANDS.keys()
    outcomes = Counter(entry["outcome"] for entry in history)
    assert min(outcomes[name] for name in get_args(OutcomeName)) > 3
    assert outcomes["forwarded"] > 1
    changes = [change for entry in applied for change in entry.get("changes", ())]
    assert {change["change"] for change in changes if "change" in change} == {*get_args(Change)}
    topics = {line["topic"] for line in _made("output")}
    assert topics >= {spec.topic for spec in EVENTS.values()} | {"contracts.dead-letters"}
    assert _made("former")


def test_the_log_has_every_reason_for_a_refusal():
    history = [line["document"] for line in _made("history")]
    assert _codes(history, "rejected") == {*get_args(RejectionCode)}
    # Only a database refuses for its own reasons.
    assert _codes(history, "dead_letter") == {*get_args(DeadLetterCode)} - {"refused_by_database"}


def _codes(history: list, outcome: str) -> set[str]:
    return {entry["code"] for entry in history if entry["outcome"] == outcome}
