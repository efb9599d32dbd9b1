"""What a command is read as, in which order its checks come, and that nothing makes them raise."""

from datetime import UTC, datetime
from hashlib import sha256

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.engine.records import FORWARDED_FROM, Incoming, Misplaced, Undecodable
from schemas.cloudevents import Envelope
from schemas.commands import COMMANDS, COMMANDS_BY_TYPE
from tests.unit.schemas.wire import (
    ACCOUNT,
    DATA,
    DECODER,
    HOME,
    PARTITIONS,
    UPDATE,
    Rec,
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


NAMES = st.one_of(
    st.sampled_from(
        [
            "content-type",
            FORWARDED_FROM,
            "traceparent",
            "ce_",
            "",
            *(f"ce_{name}" for name in Envelope._fields),
        ]
    ),
    st.text(max_size=8),
)
CONTENT = st.one_of(
    st.none(),
    st.binary(max_size=12),
    st.sampled_from([b"1.0", UPDATE.encode(), b"application/json", b"application/cloudevents+json", b"/x"]),
)
ANY_HEADERS = st.lists(st.tuples(NAMES, CONTENT), max_size=8)
JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                [
                    "changes",
                    "data",
                    "specversion",
                    "id",
                    "source",
                    "type",
                    "notes",
                    "end_date",
                    "metadata",
                    "features",
                    "email",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=15,
)


def never_raises(given: Rec) -> None:
    found = DECODER.decode(given)
    assert isinstance(found, Incoming | Undecodable | Misplaced)
    assert DECODER.decode(given) == found
    if isinstance(found, Undecodable):
        orjson.dumps([found.code, found.message, found.path, found.errors])
        assert len(found.message) < 3000


@settings(max_examples=600)
@given(
    key=st.none() | st.binary(max_size=10),
    value=st.none() | st.binary(max_size=40),
    headers=ANY_HEADERS,
    partition=st.integers(0, PARTITIONS - 1),
    timestamp=st.integers(-(2**63), 2**63 - 1),
)
def test_any_bytes(key, value, headers, partition, timestamp):
    never_raises(Rec(key, value, tuple(headers), partition, 1, timestamp))


@settings(max_examples=400)
@given(JSON_VALUES, st.sampled_from(sorted(COMMANDS_BY_TYPE)), ANY_HEADERS)
def test_any_json_as_data_or_event(data, type_, more):
    value = orjson.dumps(data)
    never_raises(record(value, binary_headers(type=type_)))
    never_raises(structured(attributes(type=type_) | {"data": data}))
    never_raises(record(value, ()))
    never_raises(record(value, [*binary_headers(type=type_), *more]))
    if isinstance(data, dict):
        never_raises(structured(attributes() | data))


WHOLE = orjson.dumps(
    {
        "changes": {
            "end_date": "2027-05-31T00:00:00+02:00",
            "base_monthly_fee": 10.25,
            "usage_based_pricing": {
                "trade_volume_tiers": [{"min_trades": 0, "max_trades": None, "price_per_trade": 0.5}]
            },
            "primary_contact": {"email": "zoe@example.com", "name": None},
            "features": ["a", "b"],
            "metadata": {"a": "1", "b": None},
            "status": {"anything": [1]},
        },
        "expected_version": 3,
    }
)


@settings(max_examples=1500)
@given(
    st.integers(0, len(WHOLE)),
    st.integers(0, 3),
    st.binary(max_size=3) | st.sampled_from([b"null", b"1e9", b'"', b"{}", b"[", b"\\u0000", b"-"]),
)
def test_mutated_commands(place, length, inserted):
    never_raises(record(WHOLE[:place] + inserted + WHOLE[place + length :]))


def content(value=None, **fields):
    found = DECODER.decode(record(value, **fields))
    assert isinstance(found, Incoming)
    return found.content


SAME = {
    "spaces and order": b'{ "requested_by":"crm:alice",'
    b'"changes":{"notes":"from 12:30" ,"base_monthly_fee":1299.50}}',
    "escapes": b'{"changes":{"base_monthly_fee":12.995e2,"notes":"\\u0066rom 12:30"},'
    b'"requested_by":"crm:alice"}',
}


@pytest.mark.parametrize("value", SAME.values(), ids=SAME.keys())
def test_content_is_what_the_json_says(value):
    assert content(value) == content()


def test_content_is_the_same_in_both_modes_and_whatever_else_the_headers_say():
    structured_one = DECODER.decode(structured())
    assert isinstance(structured_one, Incoming)
    assert structured_one.content == content()
    others = binary_headers(subject=ACCOUNT, correlationid="c", time="2026-01-01T00:00:00Z")
    assert content(headers=others) == content()


def test_whole_numbers_are_the_same_however_they_are_written():
    written = [
        b'{"changes":{"base_monthly_fee":%b,"notes":"1.0"}}' % number for number in (b"10", b"10.0", b"1e1")
    ]
    assert len({content(value) for value in written}) == 1
    assert content(written[0].replace(b'"1.0"', b'"1"')) != content(written[0])


def test_another_type_or_data_is_another_content():
    empty = record(b"{}", binary_headers(type="com.easytrade.contract.renew.v1"))
    other_type = record(b"{}", binary_headers(type="com.easytrade.contract.activate.v1"))
    contents = {DECODER.decode(one).content for one in (empty, other_type)}
    assert len(contents | {content(), content(b'{"changes":{}}')}) == 4


def test_contents_never_change():
    """What was stored by an earlier version must tell the same commands apart."""
    assert content().hex() == "6ff37f38ed8838fd"
