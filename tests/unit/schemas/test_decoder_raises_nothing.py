"""Nothing that can stand in a log makes the decoder raise."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.engine.records import FORWARDED_FROM, Incoming, Misplaced, Undecodable
from schemas.cloudevents import Envelope
from schemas.commands import COMMANDS_BY_TYPE
from tests.unit.schemas.wire import (
    DECODER,
    PARTITIONS,
    UPDATE,
    Rec,
    attributes,
    binary_headers,
    record,
    structured,
)

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
