"""Collections, indexes and the validator: made once, never in silence otherwise."""

import asyncio
from datetime import datetime

import pytest
from pymongo.errors import AutoReconnect, ConfigurationError, OperationFailure

from consumer.errors import (
    ForeignDocuments,
    IndexConflict,
    PoisonDocument,
    StoreDenied,
    StoreUnavailable,
    TransactionsUnsupported,
    WriteConflict,
)
from consumer.storage.indexes import COLLECTIONS, CONTRACT_VALIDATOR, INDEXES, check_transactions, ensure
from tests.contract.storage.backends import MongoBackend
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import contract, created, entry, writes

DAY_SECONDS = 86_400


@pytest.fixture
async def bare(server, driver, database):
    """A database with nothing in it."""
    backend = MongoBackend(server.uri, database, driver)
    yield backend
    server.heal()
    await backend.close()


def test_names_are_unique_within_a_collection():
    names = [(spec.collection, spec.name) for spec in INDEXES]
    assert len(set(names)) == len(names)
    assert ("contracts", "status_end_date") in names
    assert ("contracts", "next_action_at") in names


async def test_everything_is_made_at_once(bare):
    database = bare.store().database
    names = await ensure(database)
    assert names == [f"{spec.collection}.{spec.name}" for spec in INDEXES]
    assert set(await database.list_collection_names()) >= set(COLLECTIONS)
    for spec in INDEXES:
        found = (await database[spec.collection].index_information())[spec.name]
        assert found["key"] == list(spec.keys)
        assert found.get("unique", False) == spec.options.get("unique", False)
        assert found.get("partialFilterExpression") == spec.options.get("partialFilterExpression")


async def test_a_second_time_changes_nothing(bare):
    database = bare.store().database
    first = await ensure(database)
    before = await _everything(database)
    assert await ensure(database) == first
    assert await _everything(database) == before


async def test_many_instances_may_start_at_the_same_moment(bare):
    databases = [bare.store().database for _ in range(4)]
    results = await asyncio.gather(*map(ensure, databases))
    assert all(names == results[0] for names in results)


@pytest.mark.parametrize(
    ("collection", "keys", "name", "options"),
    [
        ("contracts", [("account_id", 1)], "account_id", {}),
        ("contracts", [("status", 1)], "status", {"unique": True}),
        ("contracts", [("status", 1), ("contract_type", 1)], "status_end_date", {}),
        ("contracts", [("lifecycle.next_action_at", 1)], "next_action_at", {}),
        ("history", [("account_id", 1)], "account_id_offset", {}),
        ("history", [("occurred_at", 1)], "old", {"expireAfterSeconds": DAY_SECONDS}),
    ],
)
async def test_an_index_with_other_options_is_a_clear_error(bare, collection, keys, name, options):
    database = bare.store().database
    await database[collection].create_index(keys, name=name, **options)
    with pytest.raises(IndexConflict, match=collection) as raised:
        await ensure(database)
    assert "indexes ensure" in raised.value.hint
    await database[collection].drop_index(name)
    await ensure(database)


async def test_the_same_index_under_another_name_will_do(bare):
    """A platform that had these contracts before has indexes with the driver's names."""
    database = bare.store().database
    await database.contracts.create_index([("account_id", 1)], unique=True)
    await database.contracts.create_index([("status", 1), ("end_date", 1)])
    names = await ensure(database)
    assert "contracts.account_id_1" in names
    assert "contracts.status_1_end_date_1" in names
    assert "account_id" not in await database.contracts.index_information()


async def test_indexes_of_others_are_left_alone(bare):
    database = bare.store().database
    await database.contracts.create_index([("notes", 1)], name="theirs")
    await database.contracts.create_index([("end_date", -1)], name="backwards")
    await ensure(database)
    assert {"theirs", "backwards", "end_date"} <= set(await database.contracts.index_information())


async def test_what_is_to_be_pruned_has_an_index_whatever_the_retention(bare):
    database = bare.store().database
    assert "history.occurred_at" not in await ensure(database)
    for days in (400, 30):
        assert "history.occurred_at" in await ensure(database, history_retention_days=days)
    await ensure(database)


async def test_an_index_that_removes_history_is_refused(bare):
    """It would make the service forget which commands it has seen."""
    database = bare.store().database
    await ensure(database)
    await database.history.create_index([("occurred_at", 1)], name="theirs", expireAfterSeconds=DAY_SECONDS)
    for days in (None, 400):
        with pytest.raises(IndexConflict, match=r"history.theirs removes entries"):
            await ensure(database, history_retention_days=days)


async def test_a_collection_without_its_validator_gets_it(bare):
    """A restore into an existing database, or a write before the first start, makes a bare one."""
    database = bare.store().database
    await database.create_collection("contracts")
    await ensure(database)
    owner = await Owner(bare.store()).claim()
    with pytest.raises(PoisonDocument):
        await owner.commit(writes(created(contract(status="lost"))))
    await owner.commit(writes(created(contract())))


async def test_an_older_validator_is_replaced(bare):
    database = bare.store().database
    await database.create_collection("contracts", validator={"$jsonSchema": {"required": ["other"]}})
    await ensure(database)
    await (await Owner(bare.store()).claim()).commit(writes(created(contract())))
    options = [c["options"] async for c in await database.list_collections(filter={"name": "contracts"})]
    assert options[0]["validator"] == CONTRACT_VALIDATOR


async def test_a_server_that_is_away_is_waited_for(server, driver, database):
    backend = MongoBackend(server.uri, database, driver, timeout_ms=300)
    store = backend.store()
    server.pause()
    with pytest.raises(StoreUnavailable):
        await ensure(store.database)
    with pytest.raises(StoreUnavailable):
        await check_transactions(store.client, store.database)
    server.heal()
    await backend.close()


async def test_a_replica_set_has_transactions(bare):
    store = bare.store()
    await check_transactions(store.client, store.database)


class FakeClient:
    """As much of a client as asks one question, and the server's answer to it."""

    def __init__(self, answer):
        self.answer = answer

    async def start_session(self):
        return self

    def start_transaction(self, *_):
        return self

    async def end_session(self):
        return None

    @property
    def positions(self):
        return self

    async def find_one(self, *_, **__):
        raise self.answer


STANDALONE = "Transaction numbers are only allowed on a replica set member or mongos"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            OperationFailure(STANDALONE, 20, {"code": 20, "codeName": "IllegalOperation"}),
            TransactionsUnsupported,
        ),
        (
            ConfigurationError("Sessions are not supported by this MongoDB deployment"),
            TransactionsUnsupported,
        ),
        (OperationFailure("not authorized on contracts to execute", 13, {"code": 13}), StoreDenied),
        (OperationFailure("Authentication failed.", 18, {"code": 18}), StoreDenied),
        (AutoReconnect("connection closed"), StoreUnavailable),
        (OperationFailure("out of disk space", 14031, {"code": 14031}), StoreUnavailable),
    ],
)
async def test_a_server_without_transactions_is_told_apart(answer, kind):
    client = FakeClient(answer)
    with pytest.raises(kind) as raised:
        await check_transactions(client, client)
    assert not isinstance(raised.value, WriteConflict)
    if kind is TransactionsUnsupported:
        assert "rs.initiate()" in raised.value.hint


async def _everything(database):
    collections = [one async for one in await database.list_collections()]
    indexes = {one["name"]: await database[one["name"]].index_information() for one in collections}
    return sorted(map(str, collections)), indexes


LEGACY = {"account_id": "acme", "contract_id": "c-1", "status": "active", "end_date": datetime(2027, 1, 1)}  # noqa: DTZ001


@pytest.mark.parametrize("collection", ["contracts", "history"])
async def test_a_collection_of_somebody_elses_is_refused_and_left_alone(bare, collection):
    database = bare.store().database
    await database[collection].insert_many([{"_id": f"old-{number}", **LEGACY} for number in range(5)])
    before = await _everything(database)
    with pytest.raises(
        ForeignDocuments, match=rf"{collection} holds .* \(5\): old-0, old-1, old-2, …"
    ) as raised:
        await ensure(database)
    assert "import --from-mongo" in raised.value.hint
    assert await _everything(database) == before
    await database[collection].rename("old")
    await ensure(database)


async def test_what_the_service_left_without_a_validator_is_its_own(bare):
    """A restore brings documents, but not always the options of their collection."""
    database = bare.store().database
    await ensure(database)
    await (await Owner(bare.store()).claim()).commit(writes(created(contract()), history=[entry()]))
    await database.command("collMod", "contracts", validator={})
    await ensure(database)
    await database.positions.drop()
    await ensure(database)
