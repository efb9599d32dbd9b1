"""What a command is read as, and in which order its checks come."""

from datetime import UTC, datetime
from hashlib import sha256

import orjson
import pytest

from consumer.engine.records import Incoming, Misplaced
from schemas.commands import COMMANDS
from tests.unit.schemas.wire import (
    ACCOUNT,
    DATA,
    DECODER,
    HOME,
    attributes,
    binary_headers,
    record,
    refused,
    structured,
)


def test_a_command_in_binary_mode():
    headers = binary_headers(subject=ACCOUNT, correlationid="corr")
    found = DECODER.decode(given := record(headers=headers))
    assert isinstance(found, Incoming)
    assert found.command.data["requested_by"] == "crm:alice"
    assert str(found.command.data["changes"]["base_monthly_fee"]) == "1299.5"
    assert (found.command.name, found.command.account_id, found.command.offset) == ("update", ACCOUNT, 42)
    assert (found.command.source, found.command.id) == ("/crm/contracts", attributes()["id"])
    assert found.spec is COMMANDS["update"]
    assert found.at == datetime(2025, 11, 24, 16, 0, 0, 123_000, UTC)
    assert found.envelope.correlationid == "corr"
    assert found.record is given


@pytest.mark.parametrize(
    "content_type", [b"application/cloudevents+json", b"Application/CloudEvents+JSON; charset=utf-8", None]
)
def test_structured_mode_means_the_same(content_type):
    found = DECODER.decode(structured(content_type=content_type))
    assert isinstance(found, Incoming)
    assert found.command == DECODER.decode(record()).command


@pytest.mark.parametrize("content_type", ["application/json", "APPLICATION/json; charset=UTF-8", None])
def test_content_types_of_binary_mode(content_type):
    assert isinstance(DECODER.decode(record(headers=binary_headers(content_type))), Incoming)


def test_attributes_in_headers_count_for_nothing_in_structured_mode():
    given = structured()
    headers = (*given.headers, ("ce_id", b"other"), ("ce_specversion", b"0.3"))
    assert DECODER.decode(given._replace(headers=headers)).command.id == attributes()["id"]


def test_the_identity_is_the_hash_of_length_prefixed_account_source_and_id():
    given = record(headers=binary_headers(id="é1", source="/a"), key="k€".encode())
    hashed = sha256(b"4:k\xe2\x82\xac" + b"2:/a" + b"3:\xc3\xa91").digest()
    assert DECODER.decode(given).command.identity == hashed


def test_identities_differ_where_the_parts_join_otherwise():
    pairs = [("/a", "bc"), ("/ab", "c"), ("/a", "b"), ("/a1", ":b"), ("/a", "1:b")]
    found = {
        DECODER.decode(record(headers=binary_headers(source=s, id=i))).command.identity for s, i in pairs
    }
    assert len(found) == len(pairs)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_type_is_known(name):
    found = DECODER.decode(record(b"{}", binary_headers(type=COMMANDS[name].type)))
    assert isinstance(found, Incoming) or found.code == "schema_violation"


@pytest.mark.parametrize("milliseconds", [0, 1, 1_764_000_000_123, 7_258_118_400_001, 253_402_300_799_999])
def test_record_times_are_exact_to_the_millisecond(milliseconds):
    at = DECODER.decode(record(timestamp=milliseconds)).at
    assert (at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 == pytest.approx(
        milliseconds, abs=0.01
    )
    assert at.microsecond % 1000 == 0


@pytest.mark.parametrize(
    "text", ["$set", "a.b", "{'$gt': 1}", "\U0001f600\u202e\u05d0", "\u0000\u0007", "x" * 10_000, ""]
)
def test_text_comes_through_as_it_came(text):
    given = record(orjson.dumps({"changes": {"notes": text, "metadata": {"$where.x": text}}}))
    changes = DECODER.decode(given).command.data["changes"]
    assert (changes["notes"], changes["metadata"]["$where.x"]) == (text, text)


def test_the_first_check_that_fails_decides():
    """Mends one mistake after the other, in the order that the decoder's docstring gives."""
    data = {"changes": {"zzz": 1}}
    headers = binary_headers(specversion="0.3", subject="other", type="x")
    wrong = record(b"?", headers, key=b"", timestamp=-1, partition=9)
    refused(wrong, "key_mismatch", told=False)
    wrong = wrong._replace(key=ACCOUNT.encode())
    assert isinstance(DECODER.decode(wrong), Misplaced)
    wrong = wrong._replace(partition=HOME)
    refused(wrong, "bad_envelope", words="timestamp")
    wrong = wrong._replace(timestamp=1)
    refused(wrong, "bad_envelope", "ce_specversion")
    wrong = wrong._replace(headers=tuple(binary_headers(subject="other", type="x")))
    refused(wrong, "key_mismatch", "subject")
    wrong = wrong._replace(headers=tuple(binary_headers(type="x")))
    refused(wrong, "unknown_type", "type")
    wrong = wrong._replace(headers=tuple(binary_headers()))
    refused(wrong, "malformed")
    wrong = wrong._replace(value=orjson.dumps(data))
    refused(wrong, "schema_violation", "/changes/zzz")
    assert isinstance(DECODER.decode(wrong._replace(value=orjson.dumps(DATA))), Incoming)
