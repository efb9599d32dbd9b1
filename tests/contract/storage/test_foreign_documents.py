"""Documents in the service's collections that are damaged or somebody else's: named, never guessed at."""

from datetime import datetime

import pytest
from bson import ObjectId

from consumer.errors import ForeignDocument
from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.storage.documents import contract_document, history_document
from consumer.storage.mongo_queries import MongoQueries
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import contract, entry, kept, named

LEGACY = {
    "_id": "old-1",
    "account_id": "legacy",
    "contract_id": "c-1",
    "contract_type": "basic",
    "status": "active",
    "start_date": datetime(2026, 1, 1),  # noqa: DTZ001 - as pymongo takes it
    "end_date": datetime(2099, 1, 1),  # noqa: DTZ001
    "base_monthly_fee": 99.0,
}
DAMAGE = {
    "lifecycle.offset is missing": {"lifecycle": {"schema_version": 1}},
    "lifecycle.schema_version is of another kind": {"lifecycle": {"schema_version": "1"}},
    "lifecycle.schema_version is missing": {"lifecycle": {}},
    "lifecycle is of another kind": {"lifecycle": None},
    "version is of another kind": {"version": 1.0},
    "end_date is of another kind": {"end_date": "2027-01-01"},
    "base_monthly_fee is of another kind": {"base_monthly_fee": 99.0},
    "metadata is of another kind": {"metadata": "none"},
    "add_ons.0.monthly_fee is missing": {"add_ons": [{"name": "x"}]},
    "status is of another kind": {"status": "lost"},
    "crm_id is no field of it": {"crm_id": 7},
}


@pytest.fixture
async def raw(mongo_backend):
    """The database, without its guard."""
    database = mongo_backend.store().database
    await database.command("collMod", "contracts", validator={})
    return database


@pytest.fixture
def reader(mongo_backend):
    return ContractReader(MongoQueries(mongo_backend.store().client, mongo_backend.name))


@pytest.mark.parametrize(("why", "changes"), DAMAGE.items(), ids=DAMAGE)
async def test_a_damaged_contract_is_named(mongo_backend, raw, why, changes):
    await raw.contracts.insert_one(contract_document(contract()) | changes)
    owner = await Owner(mongo_backend.store()).claim()
    with pytest.raises(ForeignDocument) as raised:
        await owner.contracts("acme")
    assert str(raised.value).endswith(f"contracts {ObjectId(named('acme'))}: {why}")


async def test_readers_name_what_is_not_a_contract(raw, reader, mongo_backend):
    await raw.contracts.insert_many(
        [{**LEGACY, "_id": f"old-{i}", "account_id": f"a{i}", "contract_id": f"c{i}"} for i in range(5)]
    )
    await raw.contracts.update_many({}, {"$unset": {"contract_type": True}})
    with pytest.raises(ForeignDocument, match=r"contracts old-3: _id is of another kind"):
        await reader.by_account("a3")
    for listing in (reader.find(), reader.expiring(30_000)):
        with pytest.raises(ForeignDocument, match=r"old-0: .*; contracts old-2: .*; and 2 more"):
            await listing
    statistics = ContractStatistics(MongoQueries(mongo_backend.store().client, mongo_backend.name))
    with pytest.raises(ForeignDocument):
        await statistics.monthly_revenue()


async def test_the_scanner_passes_what_has_no_address(raw, mongo_backend):
    lifecycle = contract()["lifecycle"] | {"next_action_at": datetime(2026, 1, 1)}  # noqa: DTZ001
    await raw.contracts.insert_one({"_id": "nameless", "lifecycle": lifecycle})
    await raw.contracts.insert_one(contract_document(contract(lifecycle=lifecycle)))
    queries = MongoQueries(mongo_backend.store().client, mongo_backend.name)
    found = [[due.account_id for due in page] async for page in queries.due(datetime(2027, 1, 1), 10)]  # noqa: DTZ001
    assert found == [["acme"]]


KEPT_DAMAGE = {
    "changes is of another kind": "[{",
    "changes.0.effective_at is missing": [{"change": "created"}],
    "changes.0.effective_at is of another kind": [{"change": "created", "effective_at": "2026-01-01"}],
    "changes.0.fields.0.path is missing": [kept(fields=[{"before": 1}])],
}


@pytest.mark.parametrize(("why", "changes"), KEPT_DAMAGE.items(), ids=KEPT_DAMAGE)
async def test_damaged_changes_are_named(raw, reader, why, changes):
    await raw.history.insert_one(history_document(entry()) | {"changes": changes})
    with pytest.raises(ForeignDocument, match=f"history {named('one', 16).hex()}: {why}"):
        await reader.history("acme")


async def test_what_a_newer_version_keeps_is_no_damage(raw, reader):
    newer = kept(change="suspended", seat="7", fields=[{"path": "/seat", "after": 7, "unit": "desk"}])
    await raw.history.insert_one(history_document(entry(changes=[newer])))
    assert (await reader.history("acme")).items[0].changes[0].kind == "suspended"


async def test_former_contracts_history_and_positions_too(raw, reader, mongo_backend):
    await raw.former_contracts.insert_one(LEGACY)
    with pytest.raises(ForeignDocument, match="former_contracts old-1"):
        await reader.by_contract_id("c-1")
    identity = named("one", 16)
    stored = history_document(entry())
    del stored["partition"]
    await raw.history.insert_one(stored)
    with pytest.raises(ForeignDocument, match=f"history {identity.hex()}: partition is missing"):
        await reader.history("acme")
    owner = await Owner(mongo_backend.store()).claim()
    with pytest.raises(ForeignDocument, match="partition is missing"):
        await owner.seen(identity)
    with pytest.raises(ForeignDocument, match="partition is missing"):
        await owner.past("acme")
    await raw.positions.update_one({}, {"$set": {"next": "7"}})
    with pytest.raises(ForeignDocument, match=r"positions contracts\.commands/0: next is of another kind"):
        await owner.stored()
    with pytest.raises(ForeignDocument):
        await owner.claim()
    await raw.positions.update_one({}, {"$set": {"outbox": {"0": {"frames": "text"}}}})
    with pytest.raises(ForeignDocument, match=r"positions contracts\.commands/0: generation is missing"):
        await owner.outbox()
