"""Previews of contracts in a database: they hold, and leave it as it is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from consumer.domain.model import Policy
from consumer.reading.preview import ContractPreview

if TYPE_CHECKING:
    from typing import Any

    from consumer.storage.mongo_queries import MongoQueries
    from producers.testkit import Testkit

ADOPTED = {"contract_id": "old-7", "contract_type": "basic", "status": "active", "usage_limits": {}}


@pytest.fixture
def contracts(kit: Testkit, queries: MongoQueries) -> ContractPreview:
    return ContractPreview(queries, Policy(), clock=lambda: kit.now)


async def documents(database: Any) -> dict[str, list[Any]]:
    names = sorted(await database.list_collection_names())
    return {name: await database[name].find().sort("_id", 1).to_list(None) for name in names}


async def test_it_is_what_then_happens_and_changes_nothing(
    kit: Testkit, contracts: ContractPreview, client: Any, database: str
) -> None:
    await kit.create("acme", contract_type="basic", term_months=1, auto_renewal=True)
    stored, at = await documents(client[database]), kit.now + timedelta(days=40)
    message = kit.message("cancel", "acme", {"effective": "end_of_term"})
    preview = await contracts.command(message, at)
    assert await documents(client[database]) == stored
    await kit.move_to(at)
    told = len(kit.events)
    await kit.result(message)
    assert [event.data for event in kit.events[told:]] == [
        *(event.data for event in preview.events),
        preview.result,
    ]
    assert preview.after == kit.contract("acme")


async def test_it_knows_what_was_sent_before_and_whose_an_id_is(
    kit: Testkit, contracts: ContractPreview
) -> None:
    terms = {"start_date": kit.now, "end_date": kit.now + timedelta(days=365), "base_monthly_fee": 1}
    await kit.publish("adopt", "first", {**ADOPTED, **terms}, command_id="one")
    again = kit.message("adopt", "first", {**ADOPTED, **terms}, command_id="one")
    assert (await contracts.command(again)).result["outcome"] == "duplicate"
    other = kit.message("adopt", "second", {**ADOPTED, **terms})
    assert (await contracts.command(other)).result["code"] == "contract_id_taken"
    await kit.publish("delete", "first", {})
    assert (await contracts.command(other)).result["code"] == "contract_id_taken"


async def test_many_are_looked_up_together(kit: Testkit, contracts: ContractPreview) -> None:
    for number in range(3):
        await kit.create(f"a{number}", contract_type="basic", base_monthly_fee=10)
    messages = [kit.message("cancel", f"a{n}", {"effective": "immediately"}) for n in range(5)]
    previewed = contracts.many()
    results = await previewed.apply(messages)
    assert [result["outcome"] for result in results] == ["applied"] * 3 + ["rejected"] * 2
    assert previewed.refused == [("a3", "contract_not_found"), ("a4", "contract_not_found")]
