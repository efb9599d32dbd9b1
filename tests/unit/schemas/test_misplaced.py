"""Keys and their homes."""

import orjson
import pytest

from consumer.engine.decoder import Decoder
from consumer.engine.records import FORWARDED_FROM, Incoming, Misplaced, forwarded_headers, record_time
from schemas.limits import MAX_COMMAND_BYTES
from schemas.partitioning import crc32_home
from tests.unit.schemas.wire import (
    ACCOUNT,
    DATA,
    DECODER,
    ELSEWHERE,
    HOME,
    PARTITIONS,
    binary_headers,
    record,
    refused,
    structured,
)

FORWARDED = (FORWARDED_FROM, b"contracts.commands/1/7")

BAD_KEYS = [
    None,
    b"",
    b"\xff",
    b"a\nb",
    b"\x00",
    "a\u2028b".encode(),
    "\u00a0".encode(),
    b"k" * 129,
    "é".encode() * 129,
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_is_no_account_id(key):
    found = refused(record(key=key), "key_mismatch", words="account id", told=False)
    assert found.envelope is not None


@pytest.mark.parametrize("key", ["k", "k" * 128, "\U0001f600" * 128, "a b", "$a.b", "é"])
def test_a_key_that_is_one(key):
    assert DECODER.decode(record(key=key.encode())).command.account_id == key


@pytest.mark.parametrize("value", [b"no json", None, b"{}", orjson.dumps(DATA)])
def test_a_record_elsewhere_is_forwarded_whatever_it_holds(value):
    given = record()._replace(partition=ELSEWHERE, value=value, headers=(("x", b"1"),))
    assert DECODER.decode(given) == Misplaced(HOME, ACCOUNT, given)


def test_forwarding_adds_where_it_was_found_and_changes_nothing_else():
    given = record(partition=ELSEWHERE)
    headers = forwarded_headers(given)
    assert headers == [*given.headers, (FORWARDED_FROM, f"contracts.commands/{ELSEWHERE}/42".encode())]
    arrived = DECODER.decode(given._replace(headers=tuple(headers), partition=HOME))
    assert arrived.command == DECODER.decode(record()).command


def test_a_record_forwarded_and_still_elsewhere():
    given = record(headers=[*binary_headers(), FORWARDED], partition=ELSEWHERE)
    refused(given, "wrong_partition", words=f"partition {HOME} of {PARTITIONS}")
    refused(structured()._replace(partition=ELSEWHERE, headers=(FORWARDED,)), "wrong_partition")
    refused(record(b"?", [FORWARDED], partition=ELSEWHERE), "wrong_partition", told=False)


def test_a_record_elsewhere_that_may_be_too_large_to_send_again():
    fits = record(partition=ELSEWHERE, headers=[("h", b"x" * (MAX_COMMAND_BYTES - 1000))])
    assert isinstance(DECODER.decode(fits), Misplaced)
    for headers in ([("h", b"x" * MAX_COMMAND_BYTES)], [("h" * MAX_COMMAND_BYTES, None)]):
        refused(fits._replace(headers=tuple(headers)), "malformed", words="larger", told=False)
    refused(fits._replace(value=b" " * MAX_COMMAND_BYTES), "malformed", words="larger", told=False)


def test_crc32_can_be_the_home():
    decoder = Decoder(PARTITIONS, home_of=crc32_home)
    places = [decoder.decode(record(partition=number)) for number in range(PARTITIONS)]
    assert [isinstance(place, Incoming) for place in places].index(True) == crc32_home(
        ACCOUNT.encode(), PARTITIONS
    )
    assert sum(isinstance(place, Misplaced) for place in places) == PARTITIONS - 1


@pytest.mark.parametrize("milliseconds", [-1, -(2**63), 253_402_300_800_000, 2**63 - 1])
def test_a_time_out_of_this_world(milliseconds):
    refused(record(timestamp=milliseconds), "bad_envelope", words="timestamp")


@pytest.mark.parametrize(("milliseconds", "year"), [(-1, 1970), (-(2**63), 1970), (2**63 - 1, 9999)])
def test_even_a_dead_letter_out_of_this_world_has_a_time(milliseconds, year):
    assert record_time(record(timestamp=milliseconds)).year == year
