"""A history that somebody else has changed: the first entry that is not as it was written is named."""

from datetime import timedelta
from typing import Any

import bson
import pytest
from bson import Binary

from consumer.engine.entries import erased_entry
from consumer.errors import InputRefused, WrongUsage
from consumer.operator.history_check import HistoryCheck, head_of
from consumer.operator.history_walk import Finding, Walk
from consumer.storage import indexes, paging
from consumer.storage.chain import RAW, heads_of, link, new_chain
from consumer.storage.chain_pages import ChainPages
from consumer.storage.documents import CODEC, history_document, history_from
from consumer.storage.pruning import HistoryPruner
from producers.kit_partition import PARTITION
from producers.testkit import Testkit
from schemas.topics import COMMANDS
from tests.contract.reading.test_erased import personal_life

DAY = timedelta(days=1)
CHANGED = {
    "partition": 7,
    "offset": 3.0,
    "occurred_at": "yesterday",
    "outcome": "rejected",
    "contract_id": "another",
    "version": 9,
    "content": Binary(b"another"),
    "number": 4.0,
    "account_id": "another",
    "type": "cancel",
    "source": "/another",
    "command_id": "another",
    "changes": [],
    "chain": Binary(bytes(32)),
    "details_hash": Binary(bytes(32)),
    "more": True,
}


@pytest.fixture
async def history(kit: Testkit, client: Any, database: str) -> Any:
    """Entries 1 to 12 of account acme, as they are stored."""
    await kit.create("acme", contract_type="basic", notes="note 0", command_id="first")
    for number in range(1, 12):
        await kit.update("acme", changes={"notes": f"note {number}"}, requested_by="desk")
    return client[database].get_collection("history", codec_options=CODEC)


@pytest.fixture
def pages(client: Any, database: str, monkeypatch: pytest.MonkeyPatch) -> ChainPages:
    monkeypatch.setattr(paging, "PAGE", 3)
    return ChainPages(client, database, COMMANDS)


async def checked(pages: ChainPages, *heads: str) -> Any:
    check = await HistoryCheck.begin(pages, None, [head_of(text) for text in heads])
    counted = []
    found = await check.run(counted.append)
    if found[0].finding is None:
        assert sum(counted) == check.total == found[0].entries
    return found[0] if len(found) == 1 else found[-1]


async def finding(pages: ChainPages, *heads: str) -> str:
    return str((await checked(pages, *heads)).finding)


async def of_number(history: Any, number: int) -> dict[str, Any]:
    found: dict[str, Any] = await history.find_one({"number": number})
    return found


async def test_what_the_service_has_written_is_proven(history: Any, pages: ChainPages) -> None:
    found = await checked(pages)
    assert (found.entries, found.unproven, found.finding) == (12, 0, None)
    assert found.head == heads_of((await pages.positions()).values())[0]
    assert found.head.hash == (await of_number(history, 12))["chain"]


@pytest.mark.parametrize("field", CHANGED)
async def test_a_changed_field_is_found(field: str, history: Any, pages: ChainPages) -> None:
    await history.update_one({"number": 4}, {"$set": {field: CHANGED[field]}})
    found = await checked(pages)
    assert found.finding is not None
    if field not in {"partition", "number", "offset"}:
        assert "4" in found.finding or "erased" in found.finding
        assert found.offset == 3


async def test_every_changed_byte_is_found(history: Any, pages: ChainPages) -> None:
    chain = (await pages.positions())[0].chain
    assert chain is not None
    raw = [each.raw async for each in history.with_options(codec_options=RAW).find().sort("number", 1)]
    for place in (*range(len(raw[3])), -1):
        walk = Walk(chain, {})
        assert not any(walk.step(entry) for entry in raw[:3])
        changed = bytearray(raw[3])
        changed[place] ^= 1
        found = walk.step(bytes(changed)) if place >= 0 else walk.step(raw[3])
        assert (found is None) == (place < 0), (place, raw[3][place - 5 : place + 5])


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ([1], "entry 1 removed, at the start of the chain"),
        ([5], "entry 5 removed, after offset 3"),
        ([5, 6, 7], "entries 5 to 7 removed, after offset 3 and before offset 7"),
        ([12], "the last 1 entries were removed, after offset 10"),
        ([*range(1, 13)], "the last 12 entries were removed"),
    ],
)
async def test_a_removed_entry_is_found(gone: list[int], told: str, history: Any, pages: ChainPages) -> None:
    await history.delete_many({"number": {"$in": gone}})
    assert told in await finding(pages)


@pytest.mark.parametrize("offset", [0, 3, 11, 500])
@pytest.mark.parametrize("left_out", ["chain", "number", ""])
async def test_an_inserted_entry_is_found(
    offset: int, left_out: str, history: Any, pages: ChainPages
) -> None:
    entry = await of_number(history, 4) | {"_id": Binary(b"another identity"), "offset": offset}
    entry.pop(left_out, None)
    await history.insert_one(entry)
    assert "inserted" in await finding(pages) or offset == 0


async def test_an_entry_of_no_partition_is_found(history: Any, pages: ChainPages) -> None:
    entry = await of_number(history, 4)
    await history.insert_one(entry | {"_id": Binary(b"another identity"), "partition": 7})
    assert "of no partition" in await finding(pages)


async def test_entries_in_another_order_are_found(history: Any, pages: ChainPages) -> None:
    await history.update_one({"number": 4}, {"$set": {"offset": 4}})
    await history.update_one({"number": 5}, {"$set": {"offset": 3}})
    assert "entry 4 removed, after offset 2" in await finding(pages)


async def test_a_position_that_was_set_back_is_found(
    history: Any, pages: ChainPages, client: Any, database: str
) -> None:
    entry = await of_number(history, 10)
    chain = {"number": 10, "head": entry["chain"], "start": 0, "next": 10}
    await client[database].positions.update_one({}, {"$set": {"chain": chain, "next": 10}})
    assert "lies after the position" in await finding(pages)
    await history.delete_many({"number": {"$gt": 10}})
    assert (await checked(pages)).finding is None, "only a head that was kept elsewhere shows this"


async def test_a_chain_that_was_computed_again_is_found_with_a_head_that_was_kept(
    history: Any, pages: ChainPages, client: Any, database: str
) -> None:
    head = str(heads_of((await pages.positions()).values())[0])
    assert (await checked(pages, head)).finding is None
    entries = [history_from(each) async for each in history.find().sort("number", 1)]
    entries[3].outcome = "rejected"
    chain = link(entries, new_chain(0))
    for entry in entries:
        assert entry.encoded is not None
        await history.replace_one({"_id": Binary(entry.identity)}, bson.decode(entry.encoded, CODEC))
    assert "hash in the position" in await finding(pages)
    await client[database].positions.update_one({}, {"$set": {"chain": chain._asdict() | {"next": 12}}})
    assert (await checked(pages)).finding is None
    assert "the history was rewritten" in await finding(pages, head)
    assert "no entry 13" in await finding(pages, head.replace(":12:", ":13:"))


async def test_erasing_leaves_a_chain_that_is_proven(kit: Testkit, history: Any, pages: ChainPages) -> None:
    await personal_life(kit)
    before = await checked(pages)
    await kit.erase("acme")
    found = await checked(pages)
    assert (found.finding, found.entries) == (None, before.entries + 1)
    assert found.erased > before.erased == 0
    await history.update_one({"number": 4}, {"$set": {"changes.0.fields.0.after": "a name"}})
    assert "details of an erased entry" in await finding(pages)
    await history.update_one({"number": 4}, {"$set": {"details_hash": Binary(bytes(32))}})
    assert "entry 4 was changed" in await finding(pages)


async def test_an_entry_that_only_looks_erased_is_found(history: Any, pages: ChainPages) -> None:
    entry = history_from(await of_number(history, 4))
    await history.replace_one({"number": 4}, history_document(erased_entry(entry)))
    assert "the account never was" in await finding(pages)


async def test_pruning_leaves_a_chain_that_is_proven(
    kit: Testkit, history: Any, pages: ChainPages, client: Any, database: str
) -> None:
    await indexes.ensure(client[database], history_retention_days=200)
    await kit.erase("acme")
    await kit.move(300 * DAY)
    await kit.update("acme", changes={"tags": ["late"]})
    pruned = await HistoryPruner(client, database, 200, clock=lambda: kit.now).run_once()
    assert pruned > 12
    found = await checked(pages)
    assert (found.finding, found.pruned, found.erased) == (None, pruned, 0)
    await history.update_one({"number": 4}, {"$set": {"outcome": "rejected"}})
    assert "entry 4 was changed" in await finding(pages)
    await history.update_one({"number": 4}, {"$set": {"outcome": "applied", "type": "cancel"}})
    assert "details of a pruned entry" in await finding(pages)


async def test_what_earlier_releases_stored_is_told_to_be_unproven(
    kit: Testkit, history: Any, pages: ChainPages, client: Any, database: str
) -> None:
    hashes = dict.fromkeys(("number", "chain", "details_hash"), "")
    await history.update_many({}, {"$unset": hashes})
    await client[database].positions.update_one({"_id": PARTITION}, {"$unset": {"chain": ""}})
    assert await checked(pages) == (await checked(pages)).__class__(0, unproven=12)
    later = Testkit(store=kit._partition._store, now=kit.now)
    await later.update("acme", changes={"notes": "proven"})
    await later.erase("acme")
    found = await checked(pages)
    assert (found.entries, found.unproven, found.erased, found.finding) == (2, 12, 1, None)
    await history.update_one({"offset": 12}, {"$set": {"version": 1}})
    assert "entry 1 was changed" in await finding(pages)


async def test_a_chain_that_another_release_has_left_behind_begins_anew(
    kit: Testkit, history: Any, pages: ChainPages, client: Any, database: str
) -> None:
    await history.update_one({"number": 12}, {"$unset": {"number": "", "chain": ""}})
    await client[database].positions.update_one({}, {"$set": {"chain.next": 11}})
    later = Testkit(store=kit._partition._store, now=kit.now)
    await later.update("acme", changes={"notes": "proven"})
    found = await checked(pages)
    assert (found.entries, found.unproven, found.finding) == (1, 12, None)


async def test_what_is_asked_for_must_exist(history: Any, pages: ChainPages) -> None:
    with pytest.raises(InputRefused, match="partition 3 has no position"):
        await HistoryCheck.begin(pages, [3], [])
    with pytest.raises(WrongUsage, match="not a head"):
        head_of("0:12:abc")


def test_findings_of_a_walk_name_an_entry() -> None:
    assert Walk(new_chain(0), {}).step(b"\x05\x00\x00\x00\x00") == Finding(
        None, "at the start of the chain is no history entry: it was changed"
    )
