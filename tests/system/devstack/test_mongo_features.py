"""What the service needs of a database beyond plain transactions, on each server of the devstack."""

import time
from datetime import UTC, datetime

import pytest
from bson import Decimal128
from pymongo import InsertOne, MongoClient, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

DURABLE = {"read_concern": ReadConcern("snapshot"), "write_concern": WriteConcern("majority", j=True)}


@pytest.fixture
def client(database_server):
    with MongoClient(database_server.uri) as client:
        yield client


@pytest.fixture
def contracts(client, database):
    return client[database]["contracts"]


def test_killed_session_frees_its_documents_and_cannot_commit(client, contracts):
    contracts.insert_one({"_id": 1, "owner": "nobody"})
    with client.start_session() as dead, client.start_session() as heir:
        dead.start_transaction(**DURABLE)
        contracts.update_one({"_id": 1}, {"$set": {"owner": "dead"}}, session=dead)
        client.admin.command("killSessions", [dead.session_id])
        began = time.monotonic()
        with heir.start_transaction(**DURABLE):
            contracts.update_one({"_id": 1}, {"$set": {"owner": "heir"}}, session=heir)
        assert time.monotonic() - began < 5  # without it: the minute an open transaction lives
        with pytest.raises(OperationFailure) as raised:
            dead.commit_transaction()
    assert raised.value.code == 251  # NoSuchTransaction
    assert contracts.find_one()["owner"] == "heir"


def test_document_the_schema_refuses_names_its_place_and_undoes_the_transaction(client, database, contracts):
    schema = {"$jsonSchema": {"required": ["status"], "properties": {"status": {"enum": ["active"]}}}}
    client[database].create_collection("contracts", validator=schema, validationAction="error")
    contracts.insert_one({"_id": 1, "status": "active"})
    batch = [InsertOne({"_id": 2, "status": "active"}), UpdateOne({"_id": 1}, {"$set": {"status": "odd"}})]
    with client.start_session() as session:
        session.start_transaction(**DURABLE)
        with pytest.raises(BulkWriteError) as raised:
            contracts.bulk_write(batch, ordered=False, session=session)
    [error] = raised.value.details["writeErrors"]
    assert (error["code"], error["index"]) == (121, 1)
    assert list(contracts.find()) == [{"_id": 1, "status": "active"}]


def test_partial_unique_index_holds_where_it_applies(contracts):
    only = {"identity": {"$exists": True}}
    contracts.create_index([("identity", 1)], unique=True, partialFilterExpression=only, name="identity")
    contracts.insert_many([{"_id": 1, "identity": "a"}, {"_id": 2}, {"_id": 3}])
    with pytest.raises(DuplicateKeyError) as raised:
        contracts.insert_one({"_id": 4, "identity": "a"})
    assert raised.value.details["keyPattern"] == {"identity": 1}
    assert raised.value.details["keyValue"] == {"identity": "a"}


def test_duplicate_undoes_the_whole_transaction(client, contracts):
    contracts.insert_one({"_id": "seen"})
    with client.start_session() as session:
        session.start_transaction(**DURABLE)
        with pytest.raises(BulkWriteError) as raised:
            contracts.bulk_write([InsertOne({"_id": "new"}), InsertOne({"_id": "seen"})], session=session)
        assert raised.value.details["writeErrors"][0]["index"] == 1
        with pytest.raises(OperationFailure) as over:
            contracts.find_one(session=session)
    assert over.value.code == 251
    assert [document["_id"] for document in contracts.find()] == ["seen"]


def test_transaction_reads_one_moment_and_its_own_writes(client, contracts):
    contracts.insert_many([{"_id": 1, "version": 1}, {"_id": 2, "version": 1}])
    with client.start_session() as session:
        session.start_transaction(**DURABLE)
        contracts.update_one({"_id": 1}, {"$set": {"version": 2}}, session=session)
        contracts.update_one({"_id": 2}, {"$set": {"version": 9}})  # somebody else
        found = list(contracts.find({"_id": {"$in": [1, 2, 3]}}, session=session).sort("_id"))
        session.abort_transaction()
    assert found == [{"_id": 1, "version": 2}, {"_id": 2, "version": 1}]


def test_update_operators_and_exact_amounts(contracts):
    contracts.insert_one({"_id": 1, "amount": Decimal128("10.10"), "kept": [1], "gone": 1, "terms": {"a": 1}})
    contracts.update_one(
        {"_id": 1},
        {
            "$set": {"terms.b": 2, "at": datetime(2026, 1, 31, tzinfo=UTC)},
            "$unset": {"gone": ""},
            "$inc": {"amount": Decimal128("0.20")},
            "$push": {"kept": {"$each": [2, 3], "$slice": -2}},
        },
    )
    assert contracts.find_one({"amount": {"$gt": Decimal128("10.29")}}) == {
        "_id": 1,
        "amount": Decimal128("10.30"),
        "kept": [2, 3],
        "terms": {"a": 1, "b": 2},
        "at": datetime(2026, 1, 31),  # noqa: DTZ001  # the driver reads UTC without saying so
    }


def test_due_documents_are_found_by_a_partial_index(contracts):
    contracts.create_index(
        [("next_action_at", 1)], partialFilterExpression={"next_action_at": {"$type": "date"}}, name="due"
    )
    due = contracts.find({"next_action_at": {"$lte": datetime.now(UTC)}}).hint("due")
    assert due.explain()["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "due"
