"""Old versions become new ones, step by step; shown on a version that could come."""

import copy

import pytest

from schemas import commands, upcasting
from schemas.commands import COMMANDS, COMMANDS_BY_TYPE, CancelData, CommandSpec
from schemas.contract import SCHEMA_VERSION
from schemas.examples import COMMAND_EXAMPLES
from schemas.upcasting import (
    COMMAND_STEPS,
    CONTRACT_STEPS,
    UnknownVersion,
    Upcast,
    upcast,
    upcast_command,
    upcast_contract,
)
from tests.unit.schemas.wire import DECODER, attributes, structured


def reason_as_object(data):
    """What version 2 of `cancel` might be: the reason gets a code."""
    if "reason" not in data:
        return data
    return data | {"reason": {"text": data["reason"], "code": "other"}}


def reason_as_list(data):
    """And version 3: there may be several."""
    return data | {"reasons": [data["reason"]] if "reason" in data else []}


STEPS = {1: reason_as_object, 2: reason_as_list}
OLD = {"effective": "immediately", "reason": "moving"}


def test_every_step_on_the_way_is_taken():
    kept = copy.deepcopy(OLD)
    assert upcast(OLD, 1, 3, STEPS)["reasons"] == [{"text": "moving", "code": "other"}]
    assert upcast({"reason": {"text": "t", "code": "c"}}, 2, 3, STEPS)["reasons"] == [
        {"text": "t", "code": "c"}
    ]
    assert upcast(OLD, 3, 3, STEPS) is OLD
    assert kept == OLD


def test_versions_nobody_knows():
    with pytest.raises(UnknownVersion, match="newer than 3"):
        upcast(OLD, 4, 3, STEPS)
    with pytest.raises(UnknownVersion, match="no step from version 0"):
        upcast(OLD, 0, 3, STEPS)


def test_an_old_command_on_the_wire_arrives_as_a_new_one(monkeypatch):
    """As if `cancel` were at version 2 by now: version 1 is validated as it was, and then made new."""
    old = COMMANDS["cancel"]
    new = CommandSpec("cancel", dict, "ends a contract", version=2)
    monkeypatch.setitem(COMMANDS, "cancel", new)
    monkeypatch.setattr(upcasting, "COMMAND_STEPS", {"cancel": {1: reason_as_object}})
    found = DECODER.decode(structured(attributes(type=old.type) | {"data": OLD}))
    assert found.command.data["reason"] == {"text": "moving", "code": "other"}
    assert (found.command.name, found.spec) == ("cancel", old)
    wrong = DECODER.decode(structured(attributes(type=old.type) | {"data": {"reason": {}}}))
    assert wrong.errors[0] == {"path": "/reason", "message": "must be text, not an object"}


def test_the_newest_version_is_left_alone():
    assert upcast_command(COMMANDS["cancel"], OLD) is OLD


def contract(version):
    return {"account_id": "a", "lifecycle": {"schema_version": version, "offset": 5}}


def test_a_stored_contract_of_today_is_left_alone():
    stored = contract(SCHEMA_VERSION)
    assert upcast_contract(stored) is stored


def test_an_old_stored_contract_is_marked_for_a_whole_write(monkeypatch):
    monkeypatch.setattr(upcasting, "SCHEMA_VERSION", 2)
    monkeypatch.setattr(upcasting, "CONTRACT_STEPS", {1: lambda old: old | {"segment": "retail"}})
    found = upcast_contract(contract(1))
    assert isinstance(found, Upcast)
    assert found == {"account_id": "a", "segment": "retail", "lifecycle": {"schema_version": 2, "offset": 5}}
    assert not isinstance(found | {"notes": "x"}, Upcast)


def test_a_contract_of_a_newer_program_is_not_touched():
    with pytest.raises(UnknownVersion):
        upcast_contract(contract(SCHEMA_VERSION + 1))


def test_no_version_is_without_a_step_or_an_example():
    for spec in COMMANDS_BY_TYPE.values():
        newest = COMMANDS[spec.name]
        assert COMMAND_EXAMPLES[spec.label]
        for example in COMMAND_EXAMPLES[spec.label]:
            data = upcast_command(spec, spec.adapter.validate_python(example))
            newest.adapter.validate_python(data)
    assert set(CONTRACT_STEPS) == set(range(1, SCHEMA_VERSION))
    assert {(name, version) for name, steps in COMMAND_STEPS.items() for version in steps} == {
        (spec.name, spec.version) for spec in commands.OLD_COMMANDS
    }
    assert COMMANDS["cancel"].shape is CancelData
