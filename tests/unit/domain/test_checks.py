"""The order of the checks, and that what is due happens first."""

from __future__ import annotations

import pytest

from consumer.domain.commands.table import HANDLERS
from consumer.domain.model import Unchanged
from schemas.commands import COMMANDS
from tests.unit.domain.story import Account

START, END = "2026-01-31", "2027-01-31"

DATA = {
    "update": {"changes": {"notes": "x"}},
    "activate": {},
    "change_plan": {"contract_type": "enterprise"},
    "withdraw_plan_change": {},
    "renew": {},
    "cancel": {},
    "withdraw_cancellation": {},
    "erase": {},
    "delete": {},
}


def test_every_command_is_decided():
    assert [*HANDLERS] == [*COMMANDS]


@pytest.mark.parametrize("name", DATA)
def test_there_must_be_a_contract(name):
    account = Account(START).send(name, **DATA[name], contract_id="x", expected_version=9)
    assert account.refused == "contract_not_found"
    assert account.contract is None


@pytest.mark.parametrize("name", DATA)
def test_then_its_id_must_match_then_its_version_then_its_status(name):
    account = Account(START).create(contract_type="basic", auto_renewal=False)
    right = account["contract_id"]
    assert (
        account.send(name, **DATA[name], contract_id="x", expected_version=9).refused
        == "contract_id_mismatch"
    )
    assert (
        account.send(name, **DATA[name], contract_id=right, expected_version=9).refused == "version_conflict"
    )
    account.cancel()
    account.send(name, **DATA[name], contract_id=right, expected_version=2)
    assert account.refused == (None if name in {"update", "erase", "delete"} else "invalid_transition")


def test_then_come_protected_fields_then_terms():
    account = Account(START).create(contract_type="basic")
    assert account.update(version=3, end_date=START).refused == "protected_field"
    assert account.update(end_date=START).refused == "invalid_terms"


def test_contract_exists_comes_before_the_id_and_the_version():
    account = Account(START).create(contract_type="basic")
    account.create(contract_type="basic", contract_id="x", expected_version=7)
    assert account.refused == "contract_exists"
    account.cancel().create(contract_type="basic", contract_id="x", expected_version=7)
    assert account.refused == "contract_id_mismatch"
    account.create(contract_type="custom", expected_version=7)
    assert account.refused == "version_conflict"


def test_an_expected_version_counts_what_was_due_before():
    account = Account(START).create(contract_type="basic", auto_renewal=False)
    account.at("2027-01-15").send("update", changes={"notes": "x"}, expected_version=1)
    assert account.refused == "version_conflict"
    assert account.told == ["notice 30", "expiring 30", "renewal_started"]
    assert account["status"] == "pending_renewal"
    account.send("update", changes={"notes": "x"}, expected_version=2)
    assert account.applied


def test_what_is_due_happens_even_if_the_command_is_refused():
    account = Account(START).create(contract_type="basic")
    account.at(END).send("activate")
    assert account.refused == "invalid_transition"
    assert account.told == ["renewal_started", "renewed"]
    assert account["term_number"] == 2
    assert account["last_modified_by"] == "lifecycle"


def test_and_even_if_it_changes_nothing():
    account = Account(START).create(contract_type="basic", notes="n")
    account.at(END).update(notes="n")
    assert isinstance(account.verdict.outcome, Unchanged)
    assert account.told == ["renewal_started", "renewed"]


def test_an_advance_is_never_refused():
    account = Account(START).advance()
    assert isinstance(account.verdict.outcome, Unchanged)
    account.create(contract_type="basic").advance()
    assert isinstance(account.verdict.outcome, Unchanged)
    account.at(END).send("advance", contract_id="another", due_at=END)
    assert isinstance(account.verdict.outcome, Unchanged)
    assert account.told == ["renewal_started", "renewed"], "time passes all the same"


def test_an_advance_that_came_too_early_does_not_block_a_later_one():
    account = Account(START).create(contract_type="basic")
    account.at("2027-01-30").send("advance", contract_id=account["contract_id"], due_at=END)
    account.at(END).send("advance", contract_id=account["contract_id"], due_at=END)
    assert account.told == ["renewed"]
