"""The read model of examples/upsell.py: events that come twice, or late, leave it as it is."""

import runpy
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from producers.testkit import PublishedEvent, Testkit
from tests.system.examples.conftest import EXAMPLES

UPSELL = runpy.run_path(str(EXAMPLES / "upsell.py"))


def fold(model: sqlite3.Connection, events: list[PublishedEvent]) -> None:
    for event in events:
        UPSELL["apply"](model, event.record)


def rows(model: sqlite3.Connection, table: str) -> list[Any]:
    return model.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


async def test_replays_and_late_events_change_nothing() -> None:
    kit = Testkit()
    await kit.create("a", contract_type="basic", auto_renewal=False)
    await kit.create("b", contract_type="enterprise")
    await kit.move(timedelta(days=340))
    await kit.renew("a")
    await kit.delete("b")
    await kit.create("b", contract_type="basic", auto_renewal=False)
    await kit.move(timedelta(days=340))
    events = [event for event in kit.events if event.name in {"changed", "expiring"}]
    model = sqlite3.connect(":memory:")
    model.executescript(UPSELL["SCHEMA"])
    fold(model, events)
    once = rows(model, "contracts"), rows(model, "opportunities")
    for account in ("a", "b"):
        contract = kit.contract(account)
        shown = model.execute(
            "SELECT contract_id, plan, status, deleted FROM contracts WHERE account_id = ?", (account,)
        ).fetchone()
        assert shown == (contract["contract_id"], contract["contract_type"], contract["status"], 0)
    assert len(once[1]) == sum(event.name == "expiring" for event in events) > 4
    fold(model, events[3:])
    fold(model, events)
    assert (rows(model, "contracts"), rows(model, "opportunities")) == once
    # Those of terms that were renewed, and of the contract that was deleted, are settled.
    assert {row[1:4] for row in rows(model, "open_opportunities")} == {
        (account, kit.contract(account)["contract_id"], iso(kit.contract(account)["end_date"]))
        for account in ("a", "b")
    }


async def test_who_stays_after_all_is_not_called_and_who_was_erased_is_not_named() -> None:
    kit = Testkit()
    contact = {"email": "ann@example.com"}
    for account in ("stays", "renews", "leaves"):
        await kit.create(account, contract_type="basic", primary_contact=contact)
        await kit.cancel(account, effective="end_of_term")
    await kit.create("lapses", contract_type="basic", primary_contact=contact, auto_renewal=False)
    await kit.move(timedelta(days=340))
    model = sqlite3.connect(":memory:")
    model.executescript(UPSELL["SCHEMA"])
    query = "SELECT account_id, email FROM open_opportunities ORDER BY 1"
    fold(model, kit.events)
    everybody = [(account, "ann@example.com") for account in ("lapses", "leaves", "renews", "stays")]
    assert model.execute(query).fetchall() == everybody
    await kit.withdraw_cancellation("stays")
    await kit.update("lapses", changes={"auto_renewal": True})
    await kit.withdraw_cancellation("renews")
    await kit.renew("renews")
    await kit.erase("leaves")
    for late in (kit.events, kit.events[::-1]):
        fold(model, late)
        assert model.execute(query).fetchall() == [("leaves", None)]


async def test_who_needs_more_room_is_offered_it_once_and_until_it_is_there(capsys) -> None:
    kit = Testkit()
    contact = {"email": "ann@example.com"}
    for account in ("grows", "enough", "most"):
        plan = "enterprise" if account == "most" else "basic"
        await kit.create(account, contract_type=plan, primary_contact=contact)
    await kit.move(timedelta(days=20))

    async def report(account: str, value: int) -> None:
        await kit.report_usage(account, period="2026-01", metric="monthly_trades", value=value)

    await report("grows", 8_000)
    await kit.update("enough", changes={"usage_limits": {"max_monthly_trades": 10}})
    await report("enough", 10)
    await report("most", 99_000)
    await report("grows", 40_000)
    model = sqlite3.connect(":memory:")
    model.executescript(UPSELL["SCHEMA"])
    fold(model, kit.events)
    fold(model, kit.events[::-1])
    query = "SELECT account_id, percent, offer, costs_more, email FROM open_upgrades"
    assert model.execute(query).fetchall() == [("grows", 400, "enterprise", 900, "ann@example.com")]
    assert capsys.readouterr().out.splitlines() == [
        "grows: monthly_trades at 80 %, offer professional",
        "grows: monthly_trades at 400 %, offer enterprise",
    ]
    await kit.change_plan("grows", contract_type="enterprise")
    fold(model, kit.events)
    assert model.execute(query).fetchall() == []


async def test_who_accepted_it_for_the_renewal_is_not_called_for_it_again() -> None:
    """The plan is the old one until then. Another one than was accepted is still worth a call."""
    kit = Testkit()
    for account in ("accepts", "declines", "withdraws", "smaller"):
        await kit.create(account, contract_type="basic")
    await kit.move(timedelta(days=20))
    for account in ("accepts", "declines", "withdraws", "smaller"):
        await kit.report_usage(account, period="2026-01", metric="monthly_trades", value=40_000)
        plan = "professional" if account == "smaller" else "enterprise"
        offer = {"offer_id": "more", "terms": {"contract_type": plan}, "valid_until": "2027-01-01T00:00:00Z"}
        await kit.offer_renewal(account, **offer)
    model = sqlite3.connect(":memory:")
    model.executescript(UPSELL["SCHEMA"])
    await kit.accept_offer("accepts", offer_id="more")
    await kit.accept_offer("smaller", offer_id="more")
    await kit.decline_offer("declines", offer_id="more")
    await kit.accept_offer("withdraws", offer_id="more")
    await kit.update("withdraws", changes={"renewal_terms": None})
    query = "SELECT account_id FROM open_upgrades ORDER BY 1"
    for events in (kit.events, kit.events[::-1]):
        fold(model, events)
        assert model.execute(query).fetchall() == [("declines",), ("smaller",), ("withdraws",)]


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
