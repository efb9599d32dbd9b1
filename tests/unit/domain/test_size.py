"""A contract has at most 64 KiB as JSON."""

from __future__ import annotations

import consumer.domain.size
from schemas.contract import MAX_CONTRACT_BYTES, to_json
from schemas.views import visible
from tests.unit.domain.story import Account

START, END = "2026-01-31", "2027-01-31"


def size(account: Account) -> int:
    return len(to_json(visible(account.contract)))


def filled_to(target: int) -> Account:
    """A contract of exactly this size."""
    account = Account(START).create(contract_type="basic", metadata={f"k{i}": "v" * 9_000 for i in range(6)})
    account.update(metadata={"long": "v" * 8_000, "pad": ""})
    account.update(metadata={"pad": "v" * (target - size(account))})
    assert size(account) == target
    return account


def test_up_to_the_last_byte():
    account = filled_to(MAX_CONTRACT_BYTES)
    account.update(notes="")
    assert account.refused == "invalid_terms"
    assert account.mistakes == {"": "the contract would have 65,547 bytes as JSON, and may have 65,536"}
    assert "notes" not in account.contract


def test_it_may_always_become_smaller():
    account = filled_to(MAX_CONTRACT_BYTES).update(metadata={"long": None})
    assert account.applied
    assert account.update(notes="there is room again").applied


def test_the_limit_holds_for_all_that_brings_text():
    account = filled_to(MAX_CONTRACT_BYTES)
    assert account.change_plan("basic", overrides={"sla_terms": {"penalty_terms": "p" * 500}}).refused
    assert account.cancel(effective="end_of_term", reason="r" * 500).refused


def test_but_size_keeps_no_contract_from_ending_or_renewing():
    assert filled_to(MAX_CONTRACT_BYTES).cancel().applied
    account = filled_to(MAX_CONTRACT_BYTES).renew().at("2028-02-01").advance()
    assert account["term_number"] == 3


def test_a_contract_that_is_too_large_is_not_created():
    metadata = {f"k{i}": "ж" * 9_000 for i in range(4)}
    account = Account(START).create(contract_type="basic", metadata=metadata)
    assert account.refused == "invalid_terms"
    assert account.contract is None


def test_bytes_count_and_not_characters():
    account = Account(START).create(contract_type="basic")
    for i in range(3):
        assert account.update(metadata={f"k{i}": "ж" * 9_000}).applied
    assert account.update(metadata={"k3": "ж" * 9_000}).refused == "invalid_terms"


def test_a_small_contract_is_not_measured_at_each_update(monkeypatch):
    account = Account(START).create(contract_type="basic")
    measured = []
    monkeypatch.setattr(
        consumer.domain.size, "visible", lambda contract: measured.append(1) or visible(contract)
    )
    for i in range(500):
        account.update(notes=f"{i:500}")
        assert account.applied
    assert 1 <= len(measured) <= 10, "only where the bound had come near the limit"


def test_twenty_scheduled_changes_count_with_their_dates_and_authors():
    account = Account("2026-01-31").create(contract_type="basic")
    who = "w" * 128
    for day in range(1, 21):
        fee = {"base_monthly_fee": day}
        at = f"2026-03-{day:02d}"
        account.send("schedule_change", kind="amendment", at=at, changes=fee, requested_by=who)
    assert account["lifecycle"]["size"] >= len(to_json(visible(account.contract)))
