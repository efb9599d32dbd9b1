"""After an `erase`: every earlier version is what it was, without personal data."""

from datetime import timedelta
from typing import Any

import bson
import pytest

from consumer.domain.erasure import erased
from consumer.reading.reader import ContractReader
from producers.testkit import Testkit
from tests.contract.reading.test_past import busy_life, state

DAY = timedelta(days=1)
ANN = "Ann Ash"


def without_author(contract: Any) -> Any:
    return {name: value for name, value in contract.items() if name != "last_modified_by"}


async def personal_life(kit: Testkit) -> None:
    """A busy life with a name in everything that may hold one."""
    await kit.create("other", contract_type="basic", notes=ANN, requested_by=ANN)
    await kit.adopt(
        "acme",
        contract_id="old-7",
        contract_type="basic",
        status="expired",
        start_date=kit.now - 400 * DAY,
        end_date=kit.now - 30 * DAY,
        base_monthly_fee=7,
        usage_limits={},
        created_by=ANN,
        last_modified_by=ANN,
        notes=ANN,
    )
    await busy_life(kit)
    for changes in ({"notes": ANN}, {"metadata": {ANN: ANN, "x/y": "1"}}, {"primary_contact": {"name": ANN}}):
        await kit.update("acme", changes=changes, requested_by=ANN)
    await kit.update("acme", changes={"primary_contact": {"role": ANN}, "metadata": {ANN: None}})
    for reason in (ANN, f"{ANN} again"):
        await kit.cancel("acme", effective="end_of_term", reason=reason, requested_by=ANN)


async def dump(client: Any, database: str, account: str) -> bytes:
    """Everything that is stored of an account."""
    names = ("contracts", "former_contracts", "history")
    found = [
        bson.encode(each)
        for name in names
        async for each in client[database][name].find({"account_id": account}).sort("_id")
    ]
    return b"".join(found)


async def test_every_version_is_still_there_without_personal_data(
    kit: Testkit, reader: ContractReader, client: Any, database: str
) -> None:
    await personal_life(kit)
    told = [event.data for event in kit.changes("acme") if event.data["change"] != "deleted"]
    before = [await reader.at_version(each["contract"]["contract_id"], each["version"]) for each in told]
    assert ANN.encode() in await dump(client, database, "acme")
    await kit.erase("acme", requested_by="privacy-desk")
    assert ANN.encode() not in await dump(client, database, "acme")
    assert ANN.encode() in await dump(client, database, "other")
    for data, was in zip(told, before, strict=True):
        past = await reader.at_version(data["contract"]["contract_id"], data["version"])
        assert without_author(past.contract) == without_author(erased(state(data["contract"])))
        assert (past.change, past.effective_at, past.recorded_at) == (
            was.change,
            was.effective_at,
            was.recorded_at,
        )
        assert ANN not in str(past)


async def test_the_audit_trail_tells_what_happened_and_who_asked_for_the_erasure(
    kit: Testkit, reader: ContractReader
) -> None:
    await personal_life(kit)
    before = (await reader.history("acme", newest_first=False)).items
    await kit.erase("acme", requested_by="privacy-desk")
    *after, last = (await reader.history("acme", newest_first=False)).items
    assert [(i.sequence, i.occurred_at, i.outcome, i.command, i.source, i.version) for i in after] == [
        (i.sequence, i.occurred_at, i.outcome, i.command, i.source, i.version) for i in before
    ]
    assert [[change.kind for change in item.changes] for item in after] == [
        [change.kind for change in item.changes] for item in before
    ]
    assert {item.by for item in after} == {"/contracts/scanner", "/testkit", "erased"}
    assert (last.command, last.by, last.changes[-1].kind) == ("erase", "privacy-desk", "erased")


async def test_what_comes_after_is_kept_until_the_next_time(
    kit: Testkit, reader: ContractReader, client: Any, database: str
) -> None:
    await personal_life(kit)
    await kit.erase("acme", requested_by="privacy-desk")
    await kit.update("acme", changes={"notes": ANN, "metadata": {"x/y": ANN}}, requested_by=ANN)
    item = (await reader.history("acme", limit=1)).items[0]
    assert item.by == ANN
    assert kit.contract("acme")["notes"] == ANN
    await kit.delete("acme", requested_by=ANN, reason=f"{ANN} wants it")
    told = (await reader.history("acme", limit=1)).items[0].changes[-1]
    assert (told.kind, told.reason) == ("deleted", f"{ANN} wants it")
    assert kit.changes("acme")[-1].data["reason"] == told.reason
    await kit.erase("acme", requested_by="privacy-desk 2")
    assert ANN.encode() not in await dump(client, database, "acme")
    asked = [i.by for i in (await reader.history("acme")).items if i.command == "erase"]
    assert asked == ["privacy-desk 2", "privacy-desk"]


@pytest.mark.parametrize("named", [{"contract_id": "x"}, {"expected_version": 999}])
async def test_a_refused_one_erases_nothing(
    kit: Testkit, client: Any, database: str, named: dict[str, Any]
) -> None:
    await personal_life(kit)
    before = await dump(client, database, "acme")
    assert (await kit.erase("acme", **named)).outcome == "rejected"
    assert (await dump(client, database, "acme")).startswith(before[:100])
    assert (await dump(client, database, "acme")).count(ANN.encode()) == before.count(ANN.encode())
