"""Contracts that earlier versions stored are read as those of today: with the ids that a replay gives."""

from datetime import UTC, datetime

from consumer.domain.decider import decide
from consumer.domain.model import Policy
from schemas.upcasting import Upcast, upcast_contract
from tests.unit.domain.story import Account, command, instant


def as_stored_before(contract):
    """In the shape of version 1: without ids."""
    changes = [
        {name: value for name, value in each.items() if name not in {"change_id", "from_term"}}
        for each in contract["scheduled_changes"]
    ]
    lifecycle = contract["lifecycle"] | {"schema_version": 1}
    return contract | {"scheduled_changes": changes, "lifecycle": lifecycle}


def test_what_was_scheduled_gets_the_ids_of_a_replay():
    account = Account("2026-01-31").create(contract_type="basic")
    account.change_plan("enterprise", effective="at_renewal").cancel(effective="end_of_term", reason="why")
    found = upcast_contract(as_stored_before(account.contract))
    assert isinstance(found, Upcast)
    assert found == account.contract


def test_one_that_waits_for_a_term_agreed_on_early_is_for_that_term():
    account = Account("2026-01-31").create(contract_type="basic")
    account.change_plan("enterprise", effective="at_renewal").renew()
    assert upcast_contract(as_stored_before(account.contract)) == account.contract
    assert account["scheduled_changes"][0]["from_term"] == account["term_number"] == 2


def test_an_expired_one_keeps_what_waits_for_its_renewal():
    account = Account("2026-01-31").create(contract_type="basic", auto_renewal=False)
    account.change_plan("enterprise", effective="at_renewal").at("2027-02-10").advance()
    found = upcast_contract(as_stored_before(account.contract))
    assert found == account.contract
    renewed = decide(found, command("renew", {}, 9), instant("2027-02-11"), Policy())
    assert [event.change for event in renewed.events] == ["renewed", "plan_changed"]


def test_a_contract_of_version_0_1_goes_on_and_is_cancelled_at_its_end():
    account = Account("2026-01-31").create(contract_type="basic").cancel(effective="end_of_term")
    account.contract = upcast_contract(as_stored_before(account.contract))
    account.at(datetime(2027, 1, 31, tzinfo=UTC)).advance()
    assert account.told == ["renewal_started", "cancelled"]
