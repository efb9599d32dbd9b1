"""Earlier states and the history: compared with what the events said at the time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from consumer.errors import ContractNotFound, HistoryPruned, InputRefused
from consumer.reading.reader import ContractReader
from producers.testkit import START, Testkit
from schemas.contract import ContractState, to_json
from tests.contract.reading.told import since_when

DAY = timedelta(days=1)
MOMENT = timedelta(milliseconds=1)
CONTRACT = TypeAdapter(ContractState)


def state(data: Any) -> Any:
    return CONTRACT.validate_json(to_json(data))


async def busy_life(kit: Testkit) -> None:
    """All kinds of changes, objects that come and go, keys with slashes, replaced and deleted contracts."""
    await kit.create("acme", contract_type="basic", status="draft", requested_by="ann")
    await kit.move(DAY)
    await kit.activate("acme", requested_by="bob")
    await kit.update(
        "acme",
        changes={"metadata": {"a/b~c.$": "1", "x": "2"}, "primary_contact": {"email": "a@example.com"}},
    )
    await kit.move(DAY)
    await kit.update("acme", changes={"metadata": {"x": None}, "primary_contact": None, "notes": "n"})
    await kit.update("acme", changes={"base_monthly_fee": 1.25, "add_ons": [{"name": "x", "monthly_fee": 2}]})
    await kit.change_plan("acme", contract_type="enterprise", effective="at_renewal")
    await kit.move(400 * DAY)
    await kit.update("acme", changes={"usage_limits": {"max_concurrent_trades": 3}}, requested_by="cid")
    await kit.update("acme", changes={"status": "draft"})
    await kit.cancel("acme", effective="end_of_term", reason="moved")
    await kit.withdraw_cancellation("acme")
    await kit.move(3 * DAY)
    await kit.cancel("acme")
    await kit.move(3 * DAY)
    await kit.create("acme", contract_type="professional", auto_renewal=False)
    await kit.move(400 * DAY)
    await kit.update("acme", changes={"notes": "expired"})
    await kit.delete("acme")
    await kit.move(DAY)
    await kit.create("acme", contract_type="custom", base_monthly_fee=1, usage_limits={}, term_months=1)
    await kit.update("acme", changes={"tags": ["x"]})
    await kit.delete("acme")
    await kit.move(DAY)
    # Both begin their renewal window in the past: no state of then ever was like that.
    lately = {"start_date": kit.now - 90 * DAY, "end_date": kit.now + 10 * DAY}
    await kit.create("acme", contract_type="basic", **lately)
    await kit.move(2 * DAY)
    await kit.update("acme", changes={"end_date": kit.now + 60 * DAY})
    await kit.move(DAY)
    await kit.update("acme", changes={"renewal_window_days": 70, "notes": "wider"})


async def test_every_version_is_what_its_event_said(kit: Testkit, reader: ContractReader) -> None:
    await busy_life(kit)
    told = [event.data for event in kit.changes("acme") if event.data["change"] != "deleted"]
    assert len(told) == 24
    for data in told:
        past = await reader.at_version(data["contract"]["contract_id"], data["version"])
        assert past.contract == state(data["contract"])
        assert (past.change, past.by) == (data["change"], data["requested_by"])
        assert to_json([past.effective_at, past.recorded_at]) == to_json(
            [datetime.fromisoformat(data[name]) for name in ("effective_at", "occurred_at")]
        )


async def test_any_moment_shows_the_last_change_that_had_taken_effect(
    kit: Testkit, reader: ContractReader
) -> None:
    await busy_life(kit)
    told = [*since_when(kit.changes("acme"))]
    effective = {datetime.fromisoformat(data["effective_at"]) for _, data in told}
    for moment in sorted({each + shift for each in effective for shift in (-MOMENT, 0 * MOMENT)}):
        before = [data for since, data in told if since <= moment]
        past = await reader.as_of("acme", moment)
        if not before or before[-1]["change"] == "deleted":
            assert past is None
        else:
            assert past.contract == state(before[-1]["contract"])
    assert await reader.as_of("nobody", kit.now) is None


async def test_what_was_due_counts_from_then_even_if_nobody_looked(
    kit: Testkit, reader: ContractReader
) -> None:
    """A scanner that slept for a year changes nothing about which state held when."""
    await kit.create("acme", contract_type="basic", auto_renewal=False)
    kit.now += 500 * DAY
    await kit.update("acme", changes={"notes": "late"})
    assert (await reader.as_of("acme", START + 100 * DAY)).contract["status"] == "active"
    assert (await reader.as_of("acme", START + 350 * DAY)).contract["status"] == "pending_renewal"
    assert (await reader.as_of("acme", START + 366 * DAY)).contract["status"] == "expired"


async def test_an_adopted_contract_keeps_its_stamps(kit: Testkit, reader: ContractReader) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    adopted = await kit.adopt(
        "acme",
        contract_id="old-7",
        contract_type="basic",
        status="active",
        start_date=long_ago,
        end_date=kit.now + 200 * DAY,
        base_monthly_fee=7,
        usage_limits={},
        created_at=long_ago,
        updated_at=long_ago + DAY,
        last_modified_by="old-system",
        version=12,
    )
    assert adopted.outcome == "applied"
    await kit.update("acme", changes={"notes": "n"})
    told = kit.changes("acme")[0].data["contract"]
    past = await reader.at_version("old-7", 12)
    assert past.contract == state(told)
    assert past.contract["last_modified_by"] == "old-system"
    assert await reader.at_version("old-7", 11) is None


async def test_versions_that_never_were(kit: Testkit, reader: ContractReader) -> None:
    created = await kit.create("acme", contract_type="basic")
    assert await reader.at_version(created.contract_id, 2) is None
    assert await reader.at_version(created.contract_id, 0) is None
    with pytest.raises(ContractNotFound):
        await reader.at_version("contract_20260101_000000_000000000000", 1)


async def test_the_history_tells_everything_in_order(kit: Testkit, reader: ContractReader) -> None:
    await kit.create("acme", contract_type="basic", requested_by="ann", command_id="c1")
    await kit.create("acme", contract_type="basic", requested_by="ann", command_id="c1")
    await kit.update("acme", changes={"status": "expired"}, command_id="c2")
    await kit.deliver(b"acme", b"not json")
    await kit.move(336 * DAY)
    page = await reader.history("acme", newest_first=False)
    assert page.next is None
    items = page.items
    assert [item.sequence for item in items] == sorted(item.sequence for item in items)
    assert [(item.command, item.outcome, item.code) for item in items[:4]] == [
        ("create", "applied", None),
        ("create", "duplicate", None),
        ("update", "rejected", "protected_field"),
        (None, "dead_letter", "malformed"),
    ]
    assert (items[0].by, items[0].command_id, items[0].version) == ("ann", "c1", 1)
    assert [(change.kind, change.by) for item in items for change in item.changes] == [
        ("created", "ann"),
        ("renewal_notice", None),
        ("renewal_notice", None),
        ("renewal_notice", None),
        ("renewal_started", "lifecycle"),
    ]
    started = items[-1].changes[-1]
    assert started.fields == ({"path": "/status", "before": "active", "after": "pending_renewal"},)
    assert [change.window_days for item in items for change in item.changes][1:4] == [90, 60, 30]


async def test_history_pages_in_both_directions(kit: Testkit, reader: ContractReader) -> None:
    await kit.create("acme", contract_type="basic")
    for number in range(7):
        await kit.update("acme", changes={"notes": str(number)})
        await kit.update("other", changes={"notes": str(number)})
    for newest_first in (True, False):
        whole = (await reader.history("acme", newest_first=newest_first)).items
        assert len(whole) == 8
        seen: list[Any] = []
        page = await reader.history("acme", newest_first=newest_first, limit=3)
        seen += page.items
        while page.next:
            page = await reader.history("acme", newest_first=newest_first, limit=3, after=page.next)
            seen += page.items
        assert tuple(seen) == whole
    with pytest.raises(InputRefused):
        await reader.history("acme", after="x")


async def test_long_histories_are_walked_in_chunks(
    kit: Testkit, reader: ContractReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.reading.past.CHUNK", 2)
    await busy_life(kit)
    first = kit.changes("acme")[0].data
    past = await reader.at_version(first["contract"]["contract_id"], 1)
    assert past.contract == state(first["contract"])
    assert (await reader.as_of("acme", START)).contract == state(first["contract"])


async def test_a_pruned_history_is_said_not_guessed(
    kit: Testkit, reader: ContractReader, client: Any, database: str
) -> None:
    created = await kit.create("acme", contract_type="basic")
    await kit.move(DAY)
    await kit.update("acme", changes={"notes": "x"})
    await client[database].history.delete_many({"type": "create"})
    assert (await reader.at_version(created.contract_id, 2)).contract["notes"] == "x"
    assert (await reader.as_of("acme", kit.now)).contract["notes"] == "x"
    with pytest.raises(HistoryPruned):
        await reader.at_version(created.contract_id, 1)
    with pytest.raises(HistoryPruned):
        await reader.as_of("acme", START)


async def test_a_contract_that_changes_while_its_past_is_read(
    kit: Testkit, reader: ContractReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was recorded after the contract was read belongs to a later state: it is not undone."""
    created = await kit.create("acme", contract_type="basic", notes="first")
    await kit.update("acme", changes={"notes": "second"})
    read, asked = reader._queries.contract_by_id, []

    async def then_it_changes(contract_id: str) -> Any:
        found = await read(contract_id)
        asked.append(contract_id)
        await kit.update("acme", changes={"tags": ["third"]})
        return found

    monkeypatch.setattr(reader._queries, "contract_by_id", then_it_changes)
    past = await reader.at_version(created.contract_id, 1)
    assert (past.contract["notes"], past.contract["tags"]) == ("first", [])
    assert asked
