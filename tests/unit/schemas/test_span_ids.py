"""The ids of a command's span, as docs/traces.md describes them for other languages."""

from hashlib import sha256

import pytest

from schemas.span_ids import command_span, sender_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("traceparent", "sampled"),
    [
        (TRACEPARENT, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"01-{TRACE}-{SPAN}-01-more", True),
    ],
)
def test_a_sender_s_span_is_read(traceparent, sampled):
    assert sender_of(traceparent) == (int(TRACE, 16), int(SPAN, 16), sampled)


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "00-plain",
        TRACEPARENT.upper(),
        f"{TRACEPARENT}-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f" {TRACEPARENT}",
        f"{TRACEPARENT}\n",
    ],
)
def test_what_is_no_trace_context_is_none(traceparent):
    assert sender_of(traceparent) is None


def test_in_a_sender_s_trace():
    digest = sha256(f"17/{TRACEPARENT}/order-1".encode()).hexdigest()
    found = command_span(sender_of(TRACEPARENT), TRACEPARENT, "order-1", 17)
    assert (f"{found.trace_id:032x}", f"{found.span_id:016x}") == (TRACE, digest[32:48])


@pytest.mark.parametrize("traceparent", [None, "00-plain"])
def test_in_a_trace_of_its_own(traceparent):
    digest = sha256(f"17/{traceparent or ''}/order-1".encode()).hexdigest()
    found = command_span(sender_of(traceparent), traceparent, "order-1", 17)
    assert (f"{found.trace_id:032x}", f"{found.span_id:016x}") == (digest[:32], digest[32:48])
