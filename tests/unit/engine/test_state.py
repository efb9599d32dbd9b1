"""The topic of states: one record for each command that changed a contract, or that asked for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson

from producers.testkit import KitRecord, Testkit

ASKED = {"contract_id": "any", "due_at": "2026-01-01T00:00:00Z", "publish_state": True}


def position(record: KitRecord) -> str:
    return dict(record.headers)["ce_sequence"].decode()


def value(record: KitRecord) -> Any:
    return orjson.loads(record.value or b"null")


async def test_it_is_the_contract_after_the_last_change_of_a_command():
    kit = Testkit()
    await kit.create("acme", contract_type="basic")
    await kit.move(timedelta(days=366))
    kit.states.clear()
    await kit.create("late", contract_type="basic")
    kit.now += timedelta(days=3 * 366)
    await kit.update("late", changes={"notes": "n"})
    first, last = map(value, kit.states)
    changes = kit.changes("late")
    assert first["contract"] == changes[0].data["contract"]
    assert last["contract"] == changes[-1].data["contract"]
    assert last["version"] == last["contract"]["version"] == changes[-1].data["version"]
    assert last["position"] == position(kit.states[-1]) == changes[-1].headers["ce_sequence"]
    assert len(changes) > len(kit.states), "renewals that were caught up make no record each"


async def test_what_changes_nothing_has_no_record():
    kit = Testkit()
    await kit.create("acme", contract_type="basic")
    await kit.report_usage("acme", period="2026-01", metric="monthly_trades", value=9_000)
    await kit.update("acme", changes={"auto_renewal": True})
    await kit.cancel("nobody")
    assert len(kit.states) == 1


async def test_a_deletion_leaves_a_record_without_a_value_at_its_place():
    kit = Testkit()
    await kit.create("acme", contract_type="basic")
    await kit.delete("acme")
    assert kit.states[-1].value is None
    assert position(kit.states[-1]) == kit.changes()[-1].headers["ce_sequence"]


async def test_an_erasure_leaves_no_personal_data():
    kit = Testkit()
    await kit.create("acme", contract_type="basic", primary_contact={"name": "Ann", "email": "a@example.com"})
    await kit.erase("acme")
    assert b"a@example.com" in (kit.states[0].value or b"")
    assert b"a@example.com" not in (kit.states[-1].value or b"")


async def test_it_can_be_asked_for():
    kit = Testkit()
    await kit.create("acme", contract_type="basic")
    result = await kit.publish("advance", "acme", ASKED)
    assert result.outcome == "unchanged"
    first, again = kit.states
    assert value(again)["contract"] == value(first)["contract"]
    assert position(again) > position(first)
    await kit.delete("acme")
    await kit.publish("advance", "acme", ASKED)
    assert [record.value for record in kit.states[-2:]] == [None, None]
    await kit.publish("advance", "acme", ASKED | {"publish_state": False})
    assert len(kit.states) == 4
