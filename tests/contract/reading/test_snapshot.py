"""What a checkpoint reads while entries are erased and pruned, and how much of it at once."""

from datetime import timedelta
from typing import Any

import bson
import pytest
from bson import Binary
from bson.raw_bson import RawBSONDocument

from consumer.engine.entries import erased_entry
from consumer.operator.history_walk import Finding, Walk
from consumer.storage import paging, pruning
from consumer.storage.chain import RAW
from consumer.storage.chain_pages import ChainPages
from consumer.storage.known_templates import COLLECTION, KnownTemplates
from consumer.storage.snapshot import Snapshot
from producers.testkit import Testkit
from schemas.topics import COMMANDS
from tests.contract.reading.test_erased import ANN, personal_life
from tests.unit.domain.catalogues import SECOND, version

DAY = timedelta(days=1)


@pytest.fixture
async def history(kit: Testkit, client: Any, database: str) -> Any:
    """Entries 1 to 12 of account acme."""
    await kit.create("acme", contract_type="basic", notes="note 0")
    for number in range(1, 12):
        await kit.update("acme", changes={"notes": f"note {number}"})
    return client[database].get_collection("history", codec_options=RAW)


async def prune(history: Any, number: int) -> None:
    entry = await history.find_one({"number": number})
    await history.bulk_write([pruning._stripped(entry)])


@pytest.mark.parametrize("page", [2, 3, 4])
async def test_an_entry_that_changes_between_two_pages_is_read_once(
    history: Any, client: Any, database: str, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """Pruned or erased at the end of a page, it comes again with the next one, with other bytes."""
    monkeypatch.setattr(paging, "PAGE", page)
    read = list[int]()
    async for some in ChainPages(client, database, COMMANDS).entries(0, 0, 1 << 62):
        read += [each["number"] for each in some]
        await prune(history, read[-1])
    assert read == [*range(1, 13)]


@pytest.mark.parametrize("size", [1, 900, 2_000, 1 << 20])
async def test_a_page_is_limited_in_bytes(
    history: Any, client: Any, database: str, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Some entries are long, and thousands of them would not fit into memory."""
    monkeypatch.setattr(paging, "PAGE_BYTES", size)
    monkeypatch.setattr(paging, "_AT_ONCE", 1)
    entry = bson.decode((await history.find_one({"number": 4})).raw)
    await history.insert_many([entry | {"_id": Binary(bytes([n] * 16)), "note": "x" * 300} for n in (1, 2)])
    snapshot = Snapshot(client, database, COMMANDS)
    await snapshot.begin()
    pages = [page async for page in snapshot.entries(0)]
    assert len({one for page in pages for one in page}) == sum(map(len, pages)) == 14
    for page in pages:
        assert sum(map(len, page[:-1])) < size
    contracts = [page async for page in snapshot.contracts("contracts")]
    assert sum(map(len, contracts)) == 1


async def test_a_page_has_its_own_time(
    history: Any, client: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's time-out is for a batch of commands, and a busy server sends a page in more than that."""
    limits = list[float | None]()
    answered = paging.answered

    def noted(seconds: float | None) -> Any:
        limits.append(seconds)
        return answered(seconds)

    monkeypatch.setattr(paging, "answered", noted)
    snapshot = Snapshot(client, database, COMMANDS)
    await snapshot.begin()
    assert [page async for page in snapshot.entries(0)]
    assert [page async for page in snapshot.contracts("contracts")]
    assert set(limits) == {paging.SECONDS}


async def test_what_is_pruned_after_an_erasure_has_no_personal_data(
    kit: Testkit, client: Any, database: str
) -> None:
    """Read whole, then erased, then pruned: it is not found by its account when it is read again."""
    await personal_life(kit)
    history = client[database].get_collection("history", codec_options=RAW)
    snapshot = Snapshot(client, database, COMMANDS)
    await snapshot.begin()
    spooled = [one async for page in snapshot.entries(0) for one in page]
    named = [RawBSONDocument(one) for one in spooled if ANN.encode() in one]
    mine = [one["number"] for one in named if one["account_id"] == "acme"]
    assert len(mine) > 4
    await kit.erase("acme")
    await kit.create("acme", contract_type="basic", requested_by="after the erasure")
    for number in mine[::2]:
        await prune(history, number)
    positions, changes = await snapshot.changes()
    found = [changes.entry(one, erased_entry) for one in [*spooled, *changes.entries[0]]]
    assert {RawBSONDocument(one)["account_id"] for one in found if ANN.encode() in one} == {"other"}
    assert b"after the erasure" in found[-1]
    chain = positions[0].chain
    assert chain is not None
    walk = Walk(chain, {})
    assert not [one for one in map(walk.step, found) if isinstance(one, Finding)]
    assert walk.end() is None
    present = {each["number"]: bytes(each.raw) async for each in history.find()}
    pruned = {number for number, one in enumerate(found, 1) if one != present[number]}
    assert pruned == {*mine[::2]}


async def test_templates_are_read_as_the_service_stores_them(
    kit: Testkit, client: Any, database: str
) -> None:
    await kit.create("acme", contract_type="basic")
    await KnownTemplates(client[database]).add(version(2, SECOND, dearer=10))
    snapshot = Snapshot(client, database, COMMANDS)
    await snapshot.begin()
    _, changes = await snapshot.changes()
    stored = await client[database].get_collection(COLLECTION, codec_options=RAW).find().to_list(None)
    assert changes.whole[COLLECTION] == [bytes(each.raw) for each in stored] != []
