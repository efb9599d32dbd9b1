"""Records that are no commands, up to their data."""

import orjson
import pytest

from consumer.engine.decoder import Decoder
from consumer.engine.records import Incoming
from schemas.commands import COMMANDS_BY_TYPE
from schemas.limits import MAX_COMMAND_BYTES
from tests.unit.schemas.wire import (
    ACCOUNT,
    DATA,
    DECODER,
    PARTITIONS,
    attributes,
    binary_headers,
    record,
    refused,
    structured,
)


@pytest.mark.parametrize("name", ["id", "source", "type"])
def test_without_an_identity_nobody_can_be_told(name):
    refused(
        record(headers=binary_headers(**{name: None})), "bad_envelope", f"ce_{name}", "missing", told=False
    )
    event = attributes(**{name: None}) | {"data": DATA}
    refused(structured(event), "bad_envelope", name, "missing", told=False)


def test_with_an_identity_the_producer_is_told():
    refused(record(headers=binary_headers(specversion="0.3")), "bad_envelope", "ce_specversion", "1.0")
    refused(record(headers=binary_headers(time="soon")), "bad_envelope", "ce_time")
    refused(record(headers=binary_headers("text/plain")), "bad_envelope", "content-type")
    refused(
        record(headers=binary_headers("application/json; charset=latin-1")), "bad_envelope", "content-type"
    )
    refused(structured(attributes(specversion="2.0")), "bad_envelope", "specversion")
    refused(structured(attributes(datacontenttype="text/xml")), "bad_envelope", "datacontenttype")


@pytest.mark.parametrize("name", ["ce_specversion", "ce_type", "ce_time", "ce_whatever", "content-type"])
def test_an_attribute_given_twice(name):
    headers = [*binary_headers(), (name, b"1.0"), (name, b"1.0")]
    refused(record(headers=headers), "bad_envelope", name, "more than once", told=name != "ce_type")


def test_an_id_given_twice_is_no_identity():
    refused(record(headers=[*binary_headers(), ("ce_id", b"2")]), "bad_envelope", "ce_id", "more", told=False)


def test_other_headers_may_repeat():
    headers = [*binary_headers(), ("x", b"1"), ("x", b"2"), ("traceparent", b"a"), ("traceparent", b"b")]
    assert isinstance(DECODER.decode(record(headers=headers)), Incoming)


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/cloudevents-batch+json",
        b"application/cloudevents+avro",
        b"application/cloudevents",
        b"application/cloudevents+json;charset=utf-16",
    ],
)
def test_other_formats_of_cloudevents(content_type):
    refused(structured(content_type=content_type), "bad_envelope", "content-type", told=False)


@pytest.mark.parametrize("value", [b"[]", b"1", b"null", b'"x"', b"{}", orjson.dumps(DATA)])
def test_json_without_attributes(value):
    refused(record(value, ()), "bad_envelope", words="no CloudEvents attributes", told=False)


@pytest.mark.parametrize("data", [{"data_base64": "e30="}, {"data": {}, "data_base64": "e30="}])
def test_base64_data(data):
    refused(structured(attributes() | data), "bad_envelope", "data_base64")


@pytest.mark.parametrize("subject", ["other", ACCOUNT + " ", ACCOUNT.upper()])
def test_a_subject_that_is_not_the_key(subject):
    refused(record(headers=binary_headers(subject=subject)), "key_mismatch", "subject")
    refused(structured(attributes(subject=subject) | {"data": {}}), "key_mismatch", "subject")


@pytest.mark.parametrize(
    ("type_", "hint"),
    [
        ("com.easytrade.contract.frobnicate.v1", ""),
        ("com.easytrade.contract.update.v2", "did you mean com.easytrade.contract.update.v1?"),
        ("com.easytrade.contract.updat.v1", "did you mean com.easytrade.contract.update.v1?"),
        ("x", ""),
    ],
)
def test_an_unknown_type(type_, hint):
    found = refused(record(b"no json", binary_headers(type=type_)), "unknown_type", "type", hint)
    assert all(known in found.message for known in COMMANDS_BY_TYPE)
    refused(structured(attributes(type=type_) | {"data": 1}), "unknown_type", "type", hint)


NOT_JSON = [
    None,
    b"",
    b"{",
    b"\xff",
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"changes":{},"changes":{}}',
    b"[" * 65 + b"]" * 65,
    b'{"a":1e999}',
    b'{"a":"\\ud800"}',
    b"\xef\xbb\xbf{}",
    b" " * (MAX_COMMAND_BYTES + 1),
    b'{"changes":{"metadata":{"a":"1","\\u0061":"2"}}}',
]


@pytest.mark.parametrize("value", NOT_JSON, ids=range(len(NOT_JSON)))
def test_what_is_no_json(value):
    given = record()._replace(value=value)
    refused(given, "malformed")
    if value is not None:
        whole = b'{"specversion":"1.0","data":' + value + b"}"
        refused(record(whole, [("content-type", b"application/cloudevents+json")]), "malformed", told=False)
    refused(given._replace(headers=()), "malformed", told=False)


def test_an_event_without_data():
    refused(structured(attributes()), "malformed", words="no data")


def test_the_limit_is_a_setting():
    given = record(b"[" + b" " * 98 + b"]")
    assert Decoder(PARTITIONS, max_command_bytes=100).decode(given).code == "schema_violation"
    assert Decoder(PARTITIONS, max_command_bytes=99).decode(given).code == "malformed"


LOST = [
    *(b"999999999999999.99", b"99999999999999.999", b"0.10000000000000000001", b"1.0000000000000001e3"),
    *(b"1e-400", b"2.5E-00400", b"1e-99999999999999999999"),
]


@pytest.mark.parametrize("number", LOST)
def test_money_that_a_double_does_not_hold_is_refused_and_not_rounded(number):
    data = b'{"changes":{"base_monthly_fee":%b}}' % number
    why = ("schema_violation", "/changes/base_monthly_fee", "at most 15 significant digits")
    refused(record(data), *why)
    whole = orjson.dumps(attributes() | {"data": 0}).replace(b'"data":0', b'"data":' + data)
    refused(record(whole, ((("content-type", b"application/cloudevents+json")),)), *why)


def test_digits_are_counted_wherever_money_stands():
    tiers = b'{"min_trades":0,"max_trades":9007199254740991,"price_per_trade":0.12345678901234567890}'
    data = b'{"changes":{"usage_based_pricing":{"trade_volume_tiers":[%b]}}}' % tiers
    path = "/changes/usage_based_pricing/trade_volume_tiers/0/price_per_trade"
    refused(record(data), "schema_violation", path, "significant digits")


FINE = [
    b'{"changes":{"base_monthly_fee":99.50000000000000000000}}',
    b'{"changes":{"base_monthly_fee":0.00001e4}}',
    b'{"changes":{"base_monthly_fee":0.0e-400}}',
    b'{"changes":{"notes":"4111111111111111.12345678901234567890"}}',
    b'{"changes":{"usage_limits":{"max_monthly_trades":9007199254740991}}}',
    b'{"changes":{"base_monthly_fee":1000000000000000}}',
]


@pytest.mark.parametrize("data", FINE)
def test_other_long_numbers_are_fine(data):
    assert isinstance(DECODER.decode(record(data)), Incoming)
