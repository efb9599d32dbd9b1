"""Contracts brought to a later version of their template: whom it touches, what it brings, and only once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from consumer.domain.terms import monthly_total
from consumer.errors import InputRefused
from consumer.reading.migration import (
    LAPSING,
    NOT_RUNNING,
    OWN_TERMS,
    PLANNED,
    Migration,
    TemplateName,
    named_template,
)
from producers.testkit import Testkit
from tests.unit.domain.catalogues import POLICY, SECOND, THREE
from tests.unit.domain.story import instant

FEE = {"kind": "amendment", "changes": {"base_monthly_fee": 80}}
ADD_ON = {"kind": "amendment", "changes": {"add_ons": [{"name": "reports", "monthly_fee": 5}]}}
BEFORE, NOW = instant("2026-01-31"), instant("2026-07-01")
ACCOUNTS = ("listed", "other", "lapsing", "planned", "agreed", "cancelled", "draft", "own", "add-on")
OLD, NEW = TemplateName("basic", 1), TemplateName("basic", 2)


@pytest.fixture
async def kit() -> Testkit:
    made = Testkit(now=BEFORE, policy=POLICY)
    for account in ACCOUNTS:
        await made.create(account, contract_type="professional" if account == "other" else "basic")
    await made.update("lapsing", changes={"auto_renewal": False})
    await made.change_plan("planned", contract_type="enterprise", effective="at_renewal")
    await made.update("agreed", changes={"renewal_terms": {"contract_type": "professional"}})
    await made.cancel("cancelled")
    await made.delete("draft")
    await made.create("draft", contract_type="basic", status="draft")
    await made.update("own", changes={"base_monthly_fee": 80})
    await made.update("add-on", changes={"add_ons": [{"name": "reports", "monthly_fee": 5}]})
    await made.move_to(NOW)
    await made.create("new", contract_type="basic")
    return made


async def sent(kit: Testkit, migration: Migration) -> dict[str, str]:
    """The outcome of each account's command."""
    outcomes = {}
    for account in (*ACCOUNTS, "new"):
        contract = kit.contract(account)
        assert contract is not None
        if data := migration.command(contract, NOW):
            name = f"{migration.name}/{contract['contract_id']}"
            message = kit.message("change_plan", account, data, command_id=name)
            outcomes[account] = (await kit.result(message)).outcome
    return outcomes


async def test_at_the_renewal(kit):
    migration = Migration(OLD, NEW, "at_renewal", THREE)
    assert await sent(kit, migration) == {"listed": "applied", "add-on": "applied"}
    sums = migration.sums["USD"]
    assert (sums.contracts, sums.before, sums.after) == (2, Decimal(203), Decimal(223))
    assert migration.left_out == {LAPSING: 1, PLANNED: 2, NOT_RUNNING: 2, OWN_TERMS: 1}
    assert kit.contract("listed")["base_monthly_fee"] == 99
    await kit.move_to(instant("2027-02-01"))
    moved = kit.contract("listed")
    assert (moved["base_monthly_fee"], moved["template_version"]) == (109, 2)


@pytest.mark.parametrize(
    ("agreed", "before", "after"),
    [
        ({"renewal_terms": {"uplift_percent": 10}}, "108.9", "119.9"),
        ({"renewal_terms": {"uplift_percent": 10, "cap": 105}}, "105", "109"),
        ({"renewal_terms": {"base_monthly_fee": 70}}, "70", "70"),
        ({"phases": [FEE | {"at_renewal": True}]}, "80", "80"),
        ({"phases": [FEE | {"at": "2026-09-01"}]}, "80", "109"),
        ({"phases": [ADD_ON | {"at": "2026-09-01"}]}, "104", "114"),
        ({"phases": [FEE | {"from_term": 3}]}, "99", "109"),
    ],
)
@pytest.mark.parametrize("renewed_early", [False, True])
async def test_what_is_agreed_for_the_renewal_counts(agreed, before, after, renewed_early):
    """The sums are what the contract will cost in its next term: without the migration, and with it."""
    fees = []
    for moved in (False, True):
        kit = Testkit(now=BEFORE, policy=POLICY)
        await kit.create("a", contract_type="basic", **agreed)
        await kit.move_to(NOW)
        if renewed_early:
            await kit.renew("a")
        migration = Migration(OLD, NEW, "at_renewal", THREE)
        data = migration.command(kit.contract("a"), NOW)
        if moved:
            assert (await kit.result(kit.message("change_plan", "a", data))).outcome == "applied"
        await kit.move_to(instant("2027-02-01"))
        fees.append(monthly_total(kit.contract("a")))
    sums = migration.sums["USD"]
    assert [sums.before, sums.after] == fees == [Decimal(before), Decimal(after)]


async def test_a_second_run_finds_what_is_scheduled_and_changes_nothing(kit):
    await sent(kit, Migration(OLD, NEW, "at_renewal", THREE))
    again = Migration(OLD, NEW, "at_renewal", THREE)
    assert await sent(kit, again) == {}
    assert again.left_out[PLANNED] == 4


async def test_what_somebody_took_back_since_stays_taken_back(kit):
    first = Migration(OLD, NEW, "at_renewal", THREE)
    await sent(kit, first)
    await kit.withdraw_plan_change("listed")
    assert await sent(kit, Migration(OLD, NEW, "at_renewal", THREE)) == {"listed": "rejected"}
    assert kit.contract("listed")["scheduled_changes"] == []


async def test_one_that_is_cancelled_in_a_later_term_renews_until_then(kit):
    migration = Migration(OLD, NEW, "at_renewal", THREE)
    await kit.schedule_change("listed", change_id="end", kind="cancellation", from_term=3)
    assert migration.command(kit.contract("listed"), NOW)
    await kit.schedule_change("add-on", change_id="end", kind="cancellation", at_renewal=True)
    assert migration.command(kit.contract("add-on"), NOW) is None
    assert migration.left_out == {LAPSING: 1}


@pytest.mark.parametrize("effective", ["immediately", "at_renewal"])
async def test_a_plan_chosen_since_the_look_is_not_overwritten(kit, effective):
    looked = Migration(OLD, NEW, effective, THREE).command(kit.contract("listed"), NOW)
    await kit.change_plan("listed", contract_type="enterprise", effective=effective)
    chosen = kit.contract("listed")
    result = await kit.result(kit.message("change_plan", "listed", looked))
    assert result.code == "version_conflict"
    assert kit.contract("listed") == chosen


async def test_immediately_also_those_that_will_not_renew(kit):
    migration = Migration(OLD, NEW, "immediately", THREE)
    assert await sent(kit, migration) == {"listed": "applied", "lapsing": "applied", "add-on": "applied"}
    assert kit.contract("listed")["base_monthly_fee"] == 109
    assert await sent(kit, Migration(OLD, NEW, "immediately", THREE)) == {}, "none is on the old one"


async def test_terms_of_their_own_only_if_asked_for(kit):
    migration = Migration(OLD, NEW, "immediately", THREE, own_terms=True)
    assert (await sent(kit, migration))["own"] == "applied"
    assert kit.contract("own")["base_monthly_fee"] == 109


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("basic", "is not PLAN@VERSION"),
        ("gold@1", "is not PLAN@VERSION"),
        ("custom@1", "is not PLAN@VERSION"),
        ("basic@x", "is not PLAN@VERSION"),
        ("basic@4", "there is no version 4"),
        ("basic@3", "is not in force before 2027-03-01"),
    ],
)
def test_only_templates_that_are_or_were_in_force(text, why):
    assert named_template("basic@2", THREE, instant(SECOND)) == NEW
    with pytest.raises(InputRefused, match="version 2 is not in force"):
        named_template("basic@2", THREE, instant(SECOND) - timedelta(seconds=1))
    with pytest.raises(InputRefused, match=why):
        named_template(text, THREE, NOW)


def test_from_one_to_the_same_is_a_slip():
    with pytest.raises(InputRefused, match="the same template"):
        Migration(OLD, OLD, "immediately", THREE)
