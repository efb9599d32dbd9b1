"""A preview is what then happens: outcome, events, state, and nothing else changes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.domain.commands.table import HANDLERS
from consumer.errors import InputRefused
from producers.messages import unchecked_message
from producers.testkit import Testkit
from schemas.contract import to_json
from tests.unit.domain.logs import DAY, YEAR, logs

JANUARY = datetime(2026, 1, 31, tzinfo=UTC)
ACCOUNT = "acc-1"


def happened(kit: Testkit, since: int) -> list[tuple[str, object]]:
    return [(event.name, event.data) for event in kit.events[since:]]


def foreseen(events) -> list[tuple[str, object]]:
    return [(event.name, event.data) for event in events]


def results_apart(events: list[tuple[str, object]]) -> list[tuple[str, object]]:
    return [event for event in events if event[0] != "command_result"]


@given(log=logs(longest=8))
@settings(max_examples=120)
def test_what_is_previewed_is_what_happens(log):
    """Each command of a log is looked at from the one before; then time passes, and it is sent."""

    async def story() -> None:
        kit = Testkit(now=log[0][0])
        for at, name, data in log:
            before = len(kit.events)
            message = kit.message(name, ACCOUNT, data)
            preview = await kit.preview().command(message, at)
            assert len(kit.events) == before, "a preview publishes nothing"
            assert preview.before == kit.contract(ACCOUNT)
            await kit.move_to(at)
            assert foreseen(preview.due) == results_apart(happened(kit, before))
            passed = len(kit.events)
            await kit.result(message)
            *events, (_, result) = happened(kit, passed)
            assert foreseen(preview.events) == events
            assert preview.result == result
            assert preview.after == kit.contract(ACCOUNT)

    asyncio.run(story())


@given(log=logs(longest=5), years=st.integers(0, 3))
@settings(max_examples=60)
def test_the_calendar_is_what_time_brings(log, years):
    async def story() -> None:
        kit = Testkit(now=log[0][0])
        for at, name, data in log:
            await kit.move_to(at)
            await kit.publish(name, ACCOUNT, data)
        before, until = len(kit.events), kit.now + years * YEAR
        preview = await kit.preview().calendar(ACCOUNT, until)
        await kit.move_to(until)
        assert foreseen(preview.due) == results_apart(happened(kit, before))
        assert (preview.result, preview.events) == (None, ())
        assert preview.after == kit.contract(ACCOUNT)

    asyncio.run(story())


def test_the_log_sends_every_command_that_people_send():
    """The property above would say nothing of a command that its logs never have."""
    found = set()

    @given(log=logs(longest=15))
    @settings(max_examples=200, database=None)
    def collect(log):
        found.update(name for _, name, _ in log)

    collect()
    assert found >= HANDLERS.keys() - {"adopt", "advance"}


async def test_a_cancellation_seen_from_the_month_before() -> None:
    kit = Testkit(now=JANUARY)
    await kit.create(ACCOUNT, contract_type="basic", term_months=1, auto_renewal=True)
    preview = await kit.previewing(JANUARY + 40 * DAY).cancel(ACCOUNT, effective="end_of_term")
    assert [event.data["change"] for event in preview.due if event.name == "changed"] == [
        "renewal_started",
        "renewed",
    ]
    assert [event.data["change"] for event in preview.events] == ["cancellation_scheduled"]
    assert preview.result is not None
    assert preview.result["outcome"] == "applied"
    assert [each["kind"] for each in preview.after["scheduled_changes"]] == ["cancellation"]


async def test_a_new_contract_gets_the_id_that_it_would_get() -> None:
    kit = Testkit(now=JANUARY)
    preview = await kit.previewing().create(ACCOUNT, contract_type="basic", command_id="one")
    assert (preview.before, preview.expected_version) == (None, None)
    await kit.create(ACCOUNT, contract_type="basic", command_id="one")
    assert preview.after == kit.contract(ACCOUNT)


async def test_a_refusal_is_foreseen_with_its_code() -> None:
    kit = Testkit(now=JANUARY)
    preview = await kit.previewing().cancel("nobody", effective="immediately")
    assert preview.result["outcome"] == "rejected"
    assert preview.result["code"] == (await kit.cancel("nobody", effective="immediately")).code


async def test_a_command_sent_before_is_a_duplicate() -> None:
    kit = Testkit(now=JANUARY)
    await kit.create(ACCOUNT, contract_type="basic", command_id="one")
    again = await kit.previewing().create(ACCOUNT, contract_type="basic", command_id="one")
    other = await kit.previewing().create(ACCOUNT, contract_type="enterprise", command_id="one")
    assert again.result["outcome"] == "duplicate"
    assert (other.result["outcome"], other.result["code"]) == ("rejected", "id_reused")


async def test_a_contract_id_of_another_account_is_refused() -> None:
    kit = Testkit(now=JANUARY)
    adopted = {"contract_id": "old-7", "contract_type": "basic", "status": "active", "usage_limits": {}}
    dates = {"start_date": JANUARY, "end_date": JANUARY + YEAR, "base_monthly_fee": 1}
    await kit.publish("adopt", "first", {**adopted, **dates})
    preview = await kit.previewing().publish("adopt", "second", {**adopted, **dates})
    assert preview.result["code"] == "contract_id_taken"


async def test_what_would_be_a_dead_letter_is_refused_with_its_reason() -> None:
    kit = Testkit(now=JANUARY)
    message = unchecked_message("cancel", ACCOUNT, b'{"effective": "yesterday"}', source="/crm")
    with pytest.raises(InputRefused, match="would be a dead letter, schema_violation: /effective"):
        await kit.preview().command(message)
    await kit.deliver(message.key, message.value, message.headers)
    assert [letter.reason for letter in kit.dead_letters] == ["schema_violation"]


async def test_the_past_and_times_without_end_are_refused() -> None:
    kit = Testkit(now=JANUARY)
    await kit.create(ACCOUNT, contract_type="basic", term_months=1, auto_renewal=True)
    with pytest.raises(InputRefused, match="is past"):
        await kit.previewing(JANUARY - timedelta(milliseconds=1)).renew(ACCOUNT)
    with pytest.raises(InputRefused, match="more than 1,000 events"):
        await kit.preview().calendar(ACCOUNT, JANUARY + 1000 * YEAR)


@given(log=logs(longest=6))
@settings(max_examples=60)
def test_what_is_published_with_the_expected_version_does_what_was_previewed(log):
    """The version is the one that the command meets, not the one that is stored before time has passed."""

    async def story() -> None:
        kit = Testkit(now=log[0][0])
        for at, name, data in log:
            preview = await kit.preview().command(kit.message(name, ACCOUNT, data), at)
            guarded = dict(data)
            if preview.expected_version is not None:
                guarded["expected_version"] = preview.expected_version
            await kit.move_to(at)
            result = await kit.publish(name, ACCOUNT, guarded)
            assert (result.outcome, result.code) == (preview.result["outcome"], preview.result.get("code"))

    asyncio.run(story())


async def test_the_differences_are_those_between_before_and_after() -> None:
    kit = Testkit(now=JANUARY)
    await kit.create(ACCOUNT, contract_type="basic", auto_renewal=True)
    preview = await kit.previewing().update(ACCOUNT, changes={"auto_renewal": False})
    assert preview.changed_fields == ({"path": "/auto_renewal", "before": True, "after": False},)
    assert json_of(preview)["changed_fields"] == [{"path": "/auto_renewal", "before": True, "after": False}]


async def test_the_coming_months_end_on_the_same_day() -> None:
    kit = Testkit(now=JANUARY)
    await kit.create(ACCOUNT, contract_type="basic", term_months=1, auto_renewal=True)
    preview = await kit.preview().coming_months(ACCOUNT, 3)
    assert preview.at == datetime(2026, 4, 30, tzinfo=UTC)
    renewed = [
        event.data["effective_at"][:10] for event in preview.due if event.data.get("change") == "renewed"
    ]
    assert renewed == ["2026-02-28", "2026-03-31", "2026-04-30"]
    assert preview.expected_version == preview.after["version"]


def json_of(preview) -> dict:
    return orjson.loads(to_json(preview.as_data()))


async def test_others_get_their_turn_while_decades_are_foreseen():
    kit = Testkit(now=JANUARY)
    await kit.publish("create", ACCOUNT, {"contract_type": "basic", "term_months": 1})
    turns, ended = 0, False

    async def other() -> None:
        nonlocal turns
        while not ended:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    preview = await kit.preview().calendar(ACCOUNT, JANUARY + 10 * YEAR)
    ended = True
    await beside
    renewed = [event for event in preview.due if event.data.get("change") == "renewed"]
    assert len(renewed) >= 119
    assert turns >= len(renewed), "as many turns as there were steps"
