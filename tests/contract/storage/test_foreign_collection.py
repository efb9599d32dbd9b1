"""A collection of another system: read whole, and each of its ids as its standard text."""

import re
from datetime import UTC, datetime
from uuid import UUID

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, ObjectId, Regex, Timestamp
from pymongo import MongoClient

from consumer.errors import InputRefused
from consumer.storage.foreign import CHUNK, OPTIONS, ForeignCollection, foreign_collection
from consumer.storage.foreign_values import id_text, readable
from producers.messages import command_message

UUID_TEXT = "12345678-1234-5678-1234-567812345678"
OBJECT_ID = "65f0c0ffee65f0c0ffee65f0"
TEXTS = [
    ("A-7", "A-7"),
    (7, "7"),
    (Int64(2**40), str(2**40)),
    (7.5, "7.5"),
    (ObjectId(OBJECT_ID), OBJECT_ID),
    (Binary.from_uuid(UUID(UUID_TEXT)), UUID_TEXT),
    (Decimal128("7.51"), "7.51"),
    (datetime(2026, 1, 31, 12, 0, 0, 5000, UTC), "2026-01-31T12:00:00.005Z"),
    (datetime(2026, 1, 31), "2026-01-31T00:00:00.000Z"),  # noqa: DTZ001
]
REFUSED = [
    True,
    None,
    float("nan"),
    Decimal128("NaN"),
    Decimal128("sNaN"),
    Binary(b"x" * 16, 3),
    Binary(b"x" * 15, 4),
    Binary(b"x"),
    Timestamp(1, 1),
    Regex("x"),
    re.compile("x"),
    MaxKey(),
    Code("x"),
    {"a": 1},
    [1],
    "half a pair \ud800",
]


@pytest.mark.parametrize(("value", "text"), TEXTS, ids=str)
def test_an_id_is_its_standard_text(value, text):
    stored = bson.decode(bson.encode({"_id": value}))["_id"]
    assert id_text(stored) == text


@pytest.mark.parametrize("value", REFUSED, ids=repr)
def test_an_id_without_a_standard_text_has_none(value):
    assert id_text(value) is None


def test_other_values_are_taken_like_it():
    nested = {"a": [{"b": Binary.from_uuid(UUID(UUID_TEXT)), "c": None}], "d": ObjectId(OBJECT_ID)}
    assert readable(nested) == {"a": [{"b": UUID_TEXT, "c": None}], "d": OBJECT_ID}


@pytest.fixture
def collection(server, database):
    with MongoClient(server.uri) as client:
        yield client[f"{database}_old"].agreements


async def read(server, collection):
    uri = server.uri.replace("/?", f"/{collection.database.name}?")
    async with foreign_collection(uri, collection.name, timeout_ms=10_000) as foreign:
        return [document async for document in foreign.documents()]


async def test_ids_of_many_types_are_all_read(server, collection):
    collection.insert_many([{"_id": number} for number in range(1_000)])
    collection.insert_many([{"_id": f"c{number}"} for number in range(100)])
    collection.insert_many([{"_id": value} for value, _ in TEXTS[3:]])
    found = [document["_id"] for document in await read(server, collection)]
    assert len(found) == 1_000 + 100 + len(TEXTS[3:]) == len(set(found))


class Losing:
    """A collection of which some documents cannot be got."""

    full_name = "crm.agreements"

    def find(self, *_, **__):
        return self

    def sort(self, _):
        return self

    async def close(self):
        self.closed = True

    async def to_list(self, length):
        assert length == CHUNK
        self.chunks = getattr(self, "chunks", 0) + 1
        return [{"_id": 1}, {"_id": 2}] if self.chunks == 1 else []

    async def count_documents(self, _):
        return 3


async def test_a_difference_to_what_is_there_is_an_error():
    losing = Losing()
    documents = ForeignCollection(losing, 1).documents()
    assert [(await anext(documents))["_id"] for _ in range(2)] == ["1", "2"]
    with pytest.raises(InputRefused, match=r"^2 documents of crm\.agreements were read, but it holds 3$"):
        await anext(documents)
    assert losing.closed


async def test_a_collection_that_is_not_there_is_told_from_an_empty_one(server, collection):
    with pytest.raises(InputRefused, match=rf"^there is no collection {collection.full_name}$"):
        await read(server, collection)
    collection.database.create_collection(collection.name)
    assert await read(server, collection) == []


def test_what_python_cannot_hold_is_one_refused_row():
    late = bson.encode({"end_date": bson.datetime_ms.DatetimeMS(2**53)})
    broken = bson.encode({"notes": "abcd"}).replace(b"abcd", b"\xff\xfe\xfd\xfc")
    for document in (late, broken):
        data = {"contract_type": "basic", **readable(bson.decode(document, OPTIONS))}
        with pytest.raises(InputRefused, match=r"/end_date must be|/notes must be"):
            command_message("create", "a", data, source="/x", command_id="1")
