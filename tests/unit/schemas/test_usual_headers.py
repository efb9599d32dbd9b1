"""Headers read quickly say what they say when each is looked at."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.envelopes import LIMITS, read_binary
from schemas.usual_headers import read_headers
from tests.unit.schemas.wire import attributes

NAMES = [f"ce_{name}" for name in LIMITS] + ["ce_specversion", "content-type", "traceparent", "tracestate"]
ODD = ["ce_Bad", "ce_extension", "x-request-id"]
GOOD = {f"ce_{name}": text.encode() for name, text in attributes().items()}
ANY = (
    st.none()
    | st.binary(max_size=5)
    | st.sampled_from(
        [
            b"1.0",
            b"application/json",
            b"2026-11-22T10:11:12Z",
            b"https://example.com/x",
            b"x" * 300,
            *GOOD.values(),
        ]
    )
)
CHANGES = st.lists(st.tuples(st.sampled_from(NAMES + ODD), ANY), max_size=4).map(dict)
LOGS = st.lists(CHANGES, min_size=1, max_size=4)


@given(LOGS, st.booleans())
def test_whatever_was_read_before(changes, good_first):
    if good_first:
        read_headers(GOOD)
    for change in changes:
        headers = GOOD | change
        assert read_headers(headers) == read_binary(headers)
        assert read_headers(headers) == read_binary(headers), "the second time"


def test_repeated_headers_are_told_though_the_rest_is_known():
    assert read_headers(GOOD) == read_binary(GOOD)
    assert read_headers(GOOD, ["ce_id"]) == read_binary(GOOD, ["ce_id"]) != read_binary(GOOD)
