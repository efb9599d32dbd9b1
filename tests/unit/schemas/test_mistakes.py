"""Data that the schema refuses, in words for the team that sent it."""

import json

import orjson
import pytest

from consumer.engine.records import Undecodable
from schemas.commands import COMMANDS
from schemas.mistakes import MAX_LISTED
from tests.unit.schemas.wire import (
    DECODER,
    attributes,
    binary_headers,
    record,
    structured,
)


def mistakes_in(data, name="update") -> dict[str, str]:
    found = {}
    type_ = COMMANDS[name].type
    for sent in (
        record(json.dumps(data).encode(), binary_headers(type=type_)),
        structured(attributes(type=type_) | {"data": data}),
    ):
        letter = DECODER.decode(sent)
        assert isinstance(letter, Undecodable)
        assert letter.code == "schema_violation"
        assert letter.path == letter.errors[0]["path"]
        assert letter.errors[0]["message"] in letter.message
        assert found in ({}, letter.errors)
        found = letter.errors
    return {error["path"]: error["message"] for error in found}


MISTAKES = [
    ({}, "/changes", "is required"),
    (None, "", "must be an object, not null"),
    ([], "", "must be an object, not a list"),
    ({"changes": []}, "/changes", "must be an object, not a list"),
    ({"changes": {}, "chnages": 1}, "/chnages", "unknown field; did you mean `changes`?"),
    ({"changes": {"end_dat": 1}}, "/changes/end_dat", "unknown field; did you mean `end_date`?"),
    ({"changes": {"zzz": 1}}, "/changes/zzz", "unknown field"),
    ({"changes": {"a/b~c": 1}}, "/changes/a~1b~0c", "unknown field"),
    ({"changes": {}, "requested_by": None}, "/requested_by", "must be text, not null"),
    ({"changes": {}, "requested_by": 5}, "/requested_by", "must be text, not a number"),
    ({"changes": {}, "requested_by": ""}, "/requested_by", "must have at least 1 character"),
    ({"changes": {}, "requested_by": "x" * 129}, "/requested_by", "must have at most 128 characters"),
    ({"changes": {}, "requested_by": "a\nb"}, "/requested_by", "must consist of printable characters"),
    ({"changes": {}, "expected_version": 1.5}, "/expected_version", "must be a whole number"),
    ({"changes": {}, "expected_version": "1"}, "/expected_version", "must be a whole number, not text"),
    (
        {"changes": {}, "expected_version": True},
        "/expected_version",
        "must be a whole number, not true or false",
    ),
    ({"changes": {}, "expected_version": -1}, "/expected_version", "must be at least 0"),
    ({"changes": {"auto_renewal": 1}}, "/changes/auto_renewal", "must be true or false, not a number"),
    ({"changes": {"auto_renewal": "true"}}, "/changes/auto_renewal", "must be true or false, not text"),
    ({"changes": {"base_monthly_fee": "9"}}, "/changes/base_monthly_fee", "must be a number, not text"),
    ({"changes": {"base_monthly_fee": -1}}, "/changes/base_monthly_fee", "must be at least 0"),
    ({"changes": {"base_monthly_fee": 1.23456}}, "/changes/base_monthly_fee", "4 decimals"),
    ({"changes": {"base_monthly_fee": 1e300}}, "/changes/base_monthly_fee", "must be at most"),
    ({"changes": {"base_monthly_fee": {"$gt": 0}}}, "/changes/base_monthly_fee", "not an object"),
    ({"changes": {"end_date": "31.12.2026"}}, "/changes/end_date", "must be a date (2026-01-31) or"),
    ({"changes": {"end_date": "2026-12-31T00:00:00"}}, "/changes/end_date", "with an offset"),
    ({"changes": {"end_date": "2026-02-30"}}, "/changes/end_date", "is not a date that exists"),
    ({"changes": {"end_date": 1767139200}}, "/changes/end_date", "must be text, not a number"),
    ({"changes": {"currency": "usd"}}, "/changes/currency", "must match ^[A-Z]{3}$"),
    (
        {"changes": {"primary_contact": {"emial": "x"}}},
        "/changes/primary_contact/emial",
        "did you mean `email`?",
    ),
    (
        {"changes": {"primary_contact": {"email": "no"}}},
        "/changes/primary_contact/email",
        "is not an e-mail address",
    ),
    ({"changes": {"features": ["a", 1]}}, "/changes/features/1", "must be text, not a number"),
    ({"changes": {"features": ["a", "a"]}}, "/changes/features", "must not contain the same text twice"),
    ({"changes": {"tags": ["t"] * 201}}, "/changes/tags", "must have at most 200 entries"),
    ({"changes": {"add_ons": [{"nam": "x"}]}}, "/changes/add_ons/0/nam", "did you mean `name`?"),
    ({"changes": {"metadata": {"": "x"}}}, "/changes/metadata/", "must have at least 1 character"),
    ({"changes": {"metadata": {"k": 1}}}, "/changes/metadata/k", "must be text, not a number"),
]


@pytest.mark.parametrize(("data", "path", "words"), MISTAKES)
def test_each_mistake_has_its_path_and_can_be_shown_as_it_is(data, path, words):
    found = mistakes_in(data)
    assert words in found[path]


def test_a_huge_integer():
    data = {"changes": {"expected_version": 0}, "expected_version": 2**70}
    for sent in (record(json.dumps(data).encode()), structured(attributes() | {"data": data})):
        letter = DECODER.decode(sent)
        assert (letter.code, letter.path) == ("schema_violation", "/expected_version")


@pytest.mark.parametrize("address", ["no", "s§cr et@example.com", "secret@secret@x", "a@b..c", "a@test"])
def test_the_reason_why_an_address_is_none_stays_here(address):
    """email_validator quotes what it does not like."""
    found = mistakes_in({"changes": {"primary_contact": {"email": address}}})
    (told,) = found.values()
    assert told.startswith("is not an e-mail address with a domain that mail can reach from anywhere: ")
    assert told.endswith("not under .arpa, .invalid, .local, .localhost, .onion or .test")


def test_a_choice_is_listed():
    words = "must be 'basic', 'professional', 'enterprise' or 'custom'"
    assert words in mistakes_in({"contract_type": "gold"}, "create")["/contract_type"]


def test_all_mistakes_are_listed_up_to_a_limit():
    found = DECODER.decode(record(orjson.dumps({"changes": {f"x{n}": n for n in range(50)}})))
    assert len(found.errors) == MAX_LISTED + 1
    assert found.errors[-1] == {"path": "", "message": "and 30 more mistakes"}
    assert "(the first of 50 mistakes)" in found.message


SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    "field", ["currency", "end_date", "base_monthly_fee", "notes", "features", "primary_contact"]
)
@pytest.mark.parametrize(
    "value", [SECRET, [SECRET, SECRET], {"email": SECRET, "name": [SECRET]}, SECRET * 2000]
)
def test_no_value_is_ever_quoted(field, value):
    found = DECODER.decode(record(orjson.dumps({"changes": {field: value}})))
    if isinstance(found, Undecodable):
        assert SECRET not in found.message
        assert SECRET not in repr(found.errors)


def test_names_of_unknown_fields_are_cut():
    found = DECODER.decode(record(orjson.dumps({"changes": {"k" * 100_000: 1}})))
    assert len(found.message) + len(found.path) < 1000


def test_nothing_found_at_a_key_can_grow_the_memory_of_names():
    for number in range(2000):
        DECODER.decode(record(orjson.dumps({"changes": {"metadata": {f"k{number}": {"x": 1}}}})))
