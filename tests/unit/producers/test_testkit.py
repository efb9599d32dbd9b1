"""The test kit answers as the service does."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumer.domain.model import Policy
from consumer.errors import CommandRejected
from producers.messages import command_message
from producers.testkit import Testkit
from schemas.events import EVENTS

JANUARY = datetime(2026, 1, 31, tzinfo=UTC)


async def test_a_contract_through_its_life() -> None:
    kit = Testkit(now=JANUARY)
    created = await kit.create("account-1", contract_type="basic", auto_renewal=False)
    assert (created.outcome, created.version) == ("applied", 1)
    await kit.move(timedelta(days=365))
    assert [event.data["change"] for event in kit.changes("account-1")] == [
        "created",
        "renewal_started",
        "expired",
    ]
    assert kit.contract("account-1")["status"] == "expired"


async def test_what_falls_due_happens_when_it_is_due() -> None:
    """As with a scanner that never sleeps: every notice window is noticed, at its moment."""
    kit = Testkit(now=JANUARY, policy=Policy(notice_days=(30, 7)))
    await kit.create("account-1", contract_type="basic")
    await kit.create("account-2", contract_type="basic", end_date=datetime(2027, 1, 1, tzinfo=UTC))
    await kit.move_to(datetime(2027, 1, 30, tzinfo=UTC))
    noticed = [
        (event.account_id, event.data["window_days"], event.data["occurred_at"])
        for event in kit.events
        if event.name == "renewal_notice"
    ]
    assert noticed == [
        ("account-2", 30, "2026-12-02T00:00:00Z"),
        ("account-2", 7, "2026-12-25T00:00:00Z"),
        ("account-1", 30, "2027-01-01T00:00:00Z"),
        ("account-1", 7, "2027-01-24T00:00:00Z"),
    ]
    assert kit.now == datetime(2027, 1, 30, tzinfo=UTC)


async def test_every_event_fits_its_schema() -> None:
    kit = Testkit(now=JANUARY)
    await kit.create("account-1", contract_type="basic", auto_renewal=False)
    await kit.update("account-1", changes={"base_monthly_fee": 12.5, "metadata": {"a.b": "1"}})
    await kit.report_usage("account-1", period="2026-01", metric="monthly_trades", value=8_000)
    await kit.move(timedelta(days=400))
    assert {event.name for event in kit.events} == set(EVENTS)
    for event in kit.events:
        EVENTS[event.name].adapter.validate_python(event.data)
        assert event.headers["ce_type"] == EVENTS[event.name].type


async def test_duplicates_rejections_and_dead_letters() -> None:
    kit = Testkit()
    message = command_message("create", "account-1", {"contract_type": "basic"}, source="/billing")
    outcomes = [(await kit.result(message)).outcome for _ in range(2)]
    assert outcomes == ["applied", "duplicate"]
    other = replace(message, value=b'{"contract_type": "enterprise"}')
    refused = await kit.result(other)
    assert refused.code == "id_reused"
    with pytest.raises(CommandRejected, match="id_reused"):
        refused.raise_if_rejected()
    assert (await kit.activate("account-2")).code == "contract_not_found"
    await kit.deliver(b"account-1", b"not json")
    assert [letter.reason for letter in kit.dead_letters] == ["malformed"]
    assert kit.dead_letters[0].value == b"not json"


async def renewed_all(commands: Any, accounts: list[str]) -> list[str]:
    """What somebody's service might do with a CommandProducer."""
    notes = [commands.message("update", name, {"changes": {"notes": "renewed"}}) for name in accounts]
    sent = await commands.publish_all(notes[1:])
    sent.insert(0, await (await commands.send(notes[0])))
    results = [await commands.awaiting(timeout=5).renew(one.account_id) for one in sent]
    return [result.raise_if_rejected().outcome for result in results]


async def test_it_stands_in_for_a_producer() -> None:
    kit = Testkit()
    for name in ("a", "b"):
        await kit.create(name, contract_type="basic")
    assert await renewed_all(kit, ["a", "b"]) == ["applied", "applied"]
    assert [event.data["change"] for event in kit.changes("b")] == ["created", "updated", "renewed"]


async def test_a_handler_gets_records() -> None:
    kit = Testkit(now=JANUARY)
    await kit.create("a", contract_type="basic")
    await kit.create("b", contract_type="basic")
    first, second = (event.record for event in kit.changes())
    assert (second.topic, second.key, second.offset - first.offset) == ("contracts.changed", b"b", 1)
    assert second.timestamp == JANUARY.timestamp() * 1000
    assert json.loads(second.value)["change"] == "created"
    assert dict(second.headers)["ce_subject"] == b"b"


async def test_moving_past_nothing_only_moves_the_clock() -> None:
    kit = Testkit()
    await kit.move(timedelta(hours=1))
    assert (kit.now - timedelta(hours=1), kit.events) == (datetime(2026, 1, 1, tzinfo=UTC), [])
