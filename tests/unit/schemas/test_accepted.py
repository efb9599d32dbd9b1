"""Incompatible changes that were decided on pass the gate, and nothing else does."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest

from schemas.accepted import ACCEPTED, accepted
from schemas.compatibility import changes
from schemas.export import compared, export
from tests.command_line import as_it_was, contracts

__all__ = ["as_it_was", "contracts"]


def with_limit(number: int) -> dict[str, Any]:
    """What is published, with another limit of scheduled changes."""
    old = copy.deepcopy(compared())
    found: list[Any] = [*old.values()]
    while found:
        each = found.pop()
        if isinstance(each, dict):
            if isinstance(each.get("scheduled_changes"), dict) and "maxItems" in each["scheduled_changes"]:
                each["scheduled_changes"]["maxItems"] = number
            found += each.values()
        elif isinstance(each, list):
            found += each
    return old


def test_the_limit_of_scheduled_changes_was_decided_on():
    breaking = [each for each in changes(with_limit(2), compared()) if each.breaking]
    assert {each.label for each in breaking} > {"changed.v1", "contract.v1"}
    assert {accepted(each) for each in breaking} == {ACCEPTED[0]}


def test_the_next_change_of_the_same_field_is_refused_again():
    breaking = [each for each in changes(with_limit(19), compared()) if each.breaking]
    assert breaking
    assert [accepted(each) for each in breaking if accepted(each)] == []


def test_every_decision_gives_its_reason_and_version():
    for each in ACCEPTED:
        assert each.reason
        assert each.since.count(".") == 2


@pytest.mark.parametrize(("limit", "code"), [(2, 0), (19, 15)])
def test_the_gate_tells_what_was_decided(contracts, as_it_was, tmp_path, limit, code):
    export(tmp_path)
    for label, schema in with_limit(limit).items():
        (tmp_path / f"{label}.json").write_bytes(orjson.dumps(schema))
    ran = contracts("schemas", "check", "--against", str(tmp_path), "--json")
    assert ran.code == code
    found = [each for each in ran.json if each["message"] in {"changed.v1", "contract.v1"}]
    assert [each["path"] for each in found] == ["/contract/scheduled_changes", "/scheduled_changes"]
    for each in found:
        assert each["breaking"] == (code == 15)
        assert ("decision 8" in str(each["accepted"])) == (code == 0)
    if code == 0:
        assert "accepted" in ran.err
