"""The content of a command: what tells a duplicate from another command under the same id."""

import pytest

from consumer.engine.records import Incoming
from tests.unit.schemas.wire import (
    ACCOUNT,
    DECODER,
    binary_headers,
    record,
    structured,
)


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
