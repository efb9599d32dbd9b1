"""What people look for by hand, on every database server that is here."""

from typing import Any

import pytest

from consumer.reading.lookup import ContractLookup
from consumer.reading.reader import ContractReader
from consumer.storage.mongo_lookups import EMAILS, MongoLookups
from devstack.mongo import SecantusMongo
from producers.testkit import Testkit


@pytest.fixture
def lookup(reader: ContractReader, client: Any, database: str) -> ContractLookup:
    return ContractLookup(reader, MongoLookups(client, database))


async def accounts(lookup: ContractLookup, text: str, *, personal: bool = True) -> list[str]:
    return [each["account_id"] for each in await lookup.contracts(text, personal=personal)]


async def test_a_contract_is_found_by_whatever_names_it(kit: Testkit, lookup: ContractLookup) -> None:
    made = await kit.create("a", contract_type="basic", external_reference="crm-1", tags=["vip", "eu"])
    await kit.create("b", contract_type="basic", tags=["vip"], billing_contact={"email": "pay@acme.example"})
    await kit.create("c", contract_type="basic", primary_contact={"email": "pay@acme.example"})
    assert await accounts(lookup, "a") == ["a"]
    assert await accounts(lookup, made.contract_id) == ["a"]
    assert await accounts(lookup, "crm-1") == ["a"]
    assert await accounts(lookup, "vip") == ["a", "b"]
    assert await accounts(lookup, "pay@acme.example") == ["b", "c"]
    for nothing in ("vi", "Pay@acme.example", "acme.example", "\n", "x" * 300):
        assert await accounts(lookup, nothing) == []


async def test_addresses_are_found_by_those_who_may_see_them(kit: Testkit, lookup: ContractLookup) -> None:
    await kit.create("a", contract_type="basic", primary_contact={"email": "pay@acme.example"})
    await kit.create("b", contract_type="basic", tags=["pay@acme.example"])
    assert await accounts(lookup, "pay@acme.example", personal=False) == ["b"]


async def test_a_former_contract_is_found_by_its_id(kit: Testkit, lookup: ContractLookup) -> None:
    made = await kit.create("a", contract_type="basic", tags=["vip"])
    await kit.delete("a")
    assert await accounts(lookup, made.contract_id) == ["a"]
    assert await accounts(lookup, "vip") == []


async def test_a_command_is_found_by_nothing_but_its_id(kit: Testkit, lookup: ContractLookup) -> None:
    await kit.create("a", command_id="one", contract_type="basic")
    await kit.create("b", command_id="two", contract_type="basic")
    await kit.create("b", command_id="one", contract_type="basic")
    found = await lookup.command("one")
    assert [(each.account_id, each.item.outcome) for each in found] == [("b", "rejected"), ("a", "applied")]
    assert await lookup.command("three") == []
    # All of them: which ones a limit leaves out is MongoDB's order on disk, and an embedded server has none.
    assert [each.item.command_id for each in await lookup.recent(3)] == ["one", "two", "one"]


async def test_an_index_answers_for_addresses(kit: Testkit, client: Any, database: str, mongo: Any) -> None:
    if isinstance(mongo, SecantusMongo):
        return  # it does not tell which index it takes
    for number in range(20):
        await kit.create(
            f"a{number}", contract_type="basic", primary_contact={"email": f"{number}@a.example"}
        )
    for name in EMAILS:
        found = client[database].contracts.find({name: "1@a.example"}).sort([("account_id", 1)]).limit(5)
        explained = await found.explain()
        assert name.replace(".", "_") in str(explained["queryPlanner"]["winningPlan"])
