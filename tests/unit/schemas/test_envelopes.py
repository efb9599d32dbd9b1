import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cloudevents import Envelope
from schemas.envelopes import LIMITS, REQUIRED, TRACE, BadEnvelope, media_type, read_binary, read_structured
from schemas.uri import is_uri, is_uri_reference
from tests.unit.schemas.wire import UPDATE, attributes

NO_STRING = "contains characters that CloudEvents forbids, or is not UTF-8"
EVERY = attributes(
    subject="acct-1",
    time="2026-11-22T10:11:12.123Z",
    dataschema="https://example.com/update.json",
    correlationid="corr-1",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate="vendor=1",
)


def in_headers(texts, content_type="application/json"):
    return {f"ce_{name}": text.encode("utf-8", "surrogatepass") for name, text in texts.items()} | {
        "content-type": content_type.encode()
    }


def both(**changed):
    """The attributes read in binary and in structured mode."""
    texts = {name: text for name, text in (EVERY | changed).items() if text is not None}
    return read_binary(in_headers(texts)), read_structured(texts | {"datacontenttype": "application/json"})


def test_every_attribute_is_read_as_it_was_written():
    whole = Envelope(
        id="01J9ZK3V6T8Q4W2E7R5Y1U0I9P",
        source="/crm/contracts",
        type=UPDATE,
        subject="acct-1",
        time="2026-11-22T10:11:12.123Z",
        datacontenttype="application/json",
        correlationid="corr-1",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        tracestate="vendor=1",
    )
    assert both() == (whole, whole)


WRONG = [
    *[(name, {name: None}, "is missing") for name in ("specversion", "id", "source", "type")],
    *[(name, {name: ""}, "empty") for name in ("id", "source", "type", "subject", "time", "correlationid")],
    *[
        (name, {name: "x" * (limit + 1)}, str(limit))
        for name, limit in LIMITS.items()
        if name not in TRACE | {"datacontenttype"}
    ],
    *[(name, {name: "a\nb"}, "character") for name in ("id", "source", "type", "subject", "correlationid")],
    *[
        ("id", {"id": f"a{bad}"}, "character")
        for bad in "\x00\x1f\x7f\x85\x9f\ufdd0\uffff\U0001fffe\U0010ffff"
    ],
    ("time", {"time": "2026-11-22T10:11:12Z\n"}, "character"),
    *[("specversion", {"specversion": text}, "must be 1.0") for text in ("0.3", "1.0.2", "1", " 1.0", "")],
    *[
        ("source", {"source": text}, "URI")
        for text in ("two words", "a:b c", "/é", "%zz", "1a:b", "http://[", "a\\b", "<x>")
    ],
    *[("dataschema", {"dataschema": text}, "URI") for text in ("/relative", "x y:z", "no-scheme")],
    *[
        ("time", {"time": text}, "RFC 3339")
        for text in (
            "yesterday",
            "2026-11-22",
            "2026-11-22T10:11:12",
            "2026-13-01T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22 10:11:12Z",
            "2026-11-22T10:11:12,5Z",
            "٢٠٢٦-11-22T10:11:12Z",
        )
    ],
]


@pytest.mark.parametrize(("name", "changed", "words"), WRONG)
def test_a_wrong_attribute_is_named_in_both_modes(name, changed, words):
    for shown, found in zip((f"ce_{name}", name), both(**changed), strict=True):
        assert isinstance(found, BadEnvelope)
        assert found.attribute == shown
        assert words in found.message
        assert (found.envelope is None) == (name in {"id", "source", "type"})


@pytest.mark.parametrize(
    "text", ["a\u00a0b", "\u200f\u202e", "e\u0301", "\U0001f600", "$set", "a.b", "\ue000", "\u0378"]
)
def test_any_other_text_is_a_string(text):
    assert [found.id for found in both(id=text, correlationid=text)] == [text, text]


@pytest.mark.parametrize("name", sorted(TRACE))
@pytest.mark.parametrize("broken", ["", "x" * 999, "a\x00b"])
def test_a_broken_trace_is_dropped_and_the_command_kept(name, broken):
    for found in both(**{name: broken}):
        assert isinstance(found, Envelope)
        assert getattr(found, name) is None


def test_a_trace_in_plain_headers_is_taken_unless_there_is_one_of_cloudevents():
    headers = in_headers(attributes()) | {"traceparent": b"00-plain", "tracestate": b"\xff"}
    assert read_binary(headers)[-2:] == ("00-plain", None)
    assert read_binary(headers | {"ce_traceparent": b"00-ours"}).traceparent == "00-ours"


@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "time", "correlationid"])
def test_a_header_that_is_not_utf8(name):
    found = read_binary(in_headers(EVERY) | {f"ce_{name}": b"\xff"})
    assert (found.attribute, found.message) == (f"ce_{name}", NO_STRING)


@pytest.mark.parametrize("value", [1, True, [], {}, 1.5, ["1.0"]])
@pytest.mark.parametrize(
    "name", ["specversion", "id", "source", "type", "subject", "time", "datacontenttype"]
)
def test_an_attribute_in_json_that_is_no_text(name, value):
    found = read_structured(EVERY | {name: value})
    assert (found.attribute, found.message) == (name, "must be text")


@pytest.mark.parametrize("name", ["subject", "time", "correlationid", "dataschema", "traceparent"])
def test_null_is_absent(name):
    assert isinstance(read_binary(in_headers(EVERY) | {f"ce_{name}": None}), Envelope)
    assert isinstance(read_structured(EVERY | {name: None}), Envelope)


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_null_is_missing_where_something_is_required(name):
    assert read_binary(in_headers(EVERY) | {f"ce_{name}": None}).message == "is missing"
    assert read_structured(EVERY | {name: None}).message == "is missing"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("application/json", "application/json"),
        ("Application/JSON;Charset=UTF-8", "application/json"),
        ('application/json; charset="utf-8"; x=y', "application/json"),
        ("application/json ;charset=us-ascii", "application/json"),
        ("application/json;charset=utf-16", ""),
        ("text/plain", "text/plain"),
        ("", ""),
        (";", ""),
    ],
)
def test_media_types(text, expected):
    assert media_type(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "/crm",
        "crm",
        "urn:x:y",
        "https://a.example/b?c=d#e",
        "a/b:c",
        "//host:1/x",
        "../x",
        "mailto:a@b.example",
        "http://[::1]:80/",
        "#top",
        "?q",
        "",
        "%20",
        "a;b=c",
    ],
)
def test_uri_references(text):
    assert is_uri_reference(text)


@pytest.mark.parametrize("text", ["urn:x:y", "https://a.example", "tag:a,2026:b", "a:", "x-y+z.1:/"])
def test_uris(text):
    assert is_uri(text)


NAMES = [*LIMITS, "specversion"]
TEXTS = sorted(EVERY.values())
VALUES = st.one_of(st.text(max_size=5), st.sampled_from(TEXTS), st.none(), st.integers())
RAW = st.one_of(st.none(), st.binary(max_size=6), st.sampled_from([text.encode() for text in TEXTS]))


@given(st.dictionaries(st.sampled_from([*NAMES, "data", "x"]), VALUES))
def test_reading_an_object_never_raises_and_says_what_is_wrong(event):
    found = read_structured(event)
    assert isinstance(found, Envelope) or (found.attribute in NAMES and found.message)


@given(
    st.dictionaries(st.sampled_from([*(f"ce_{name}" for name in EVERY), "content-type", "traceparent"]), RAW)
)
def test_reading_headers_never_raises_and_agrees_with_the_json_reader(headers):
    found = read_binary(headers)
    try:
        texts = {
            name.removeprefix("ce_").replace("content-type", "datacontenttype"): raw.decode()
            for name, raw in headers.items()
            if raw is not None
        }
    except UnicodeDecodeError:
        return
    if "traceparent" not in headers:
        other = read_structured(texts)
        if isinstance(found, Envelope):
            assert found == other
        else:
            assert isinstance(other, BadEnvelope)
            name = found.attribute.removeprefix("ce_").replace("content-type", "datacontenttype")
            assert BadEnvelope(name, found.message, found.envelope) == other
