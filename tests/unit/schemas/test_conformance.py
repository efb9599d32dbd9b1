"""The CloudEvents project's own cases for the JSON format (cloudevents/conformance, Apache-2.0), as a table.

Each row is what its case changes in the smallest event there is.
"""

import json

import pytest

from consumer.engine.records import Undecodable
from schemas.cloudevents import Envelope
from schemas.envelopes import BadEnvelope, read_binary, read_structured
from tests.unit.schemas.wire import DATA, DECODER, attributes, record, refused, structured

SMALLEST = {
    "specversion": "1.0",
    "id": "smallest",
    "type": "io.cloudevents.test",
    "source": "https://cloudevents.io",
}
AT = "2018-04-05T18:31"

VALID = {
    "the four required attributes": {},
    "null for all that is optional": dict.fromkeys(("datacontenttype", "dataschema", "subject", "time")),
    "a time in UTC": {"time": "2018-04-05T17:31:00Z"},
    "nanoseconds": {"time": "2018-04-05T17:31:00.000000000Z"},
    "east of Greenwich": {"time": f"{AT}:00+01:00"},
    "west of Greenwich": {"time": "2018-04-05T16:31:00-01:00"},
    "a source that is a fragment": {"source": "#fragment"},
    "an extension of each type": {
        "extinteger": 10,
        "extboolean": True,
        "extstring": "text",
        "exturi": "https://cloudevents.io",
        "exturiref": "//authority/path",
        "exttimestamp": "2023-03-31T15:12:00Z",
        "extbinary": "TWE=",
    },
}

NOT_JSON = {
    "all core attributes": {
        "datacontenttype": "text/plain",
        "dataschema": "https://cloudevents.io/dataschema",
        "subject": "tests",
        "time": "2018-04-05T17:31:00Z",
    },
    "text as data": {"datacontenttype": "text/plain", "data": "Simple text"},
}
"""Valid events whose data is no JSON: commands always have JSON."""

INVALID = {
    "no specversion": ("specversion", ...),
    "no id": ("id", ...),
    "no type": ("type", ...),
    "no source": ("source", ...),
    "a time that is none": ("time", "lunchtime"),
    "no seconds": ("time", f"{AT}Z"),
    "a zone that is none": ("time", f"{AT}:00X"),
    "more than a day from UTC": ("time", f"{AT}:00+25:00"),
    "an offset in letters": ("time", f"{AT}:00+xx:00"),
    "an offset without minutes": ("time", f"{AT}:00+05"),
    "empty id": ("id", ""),
    "empty type": ("type", ""),
    "empty source": ("source", ""),
    "empty specversion": ("specversion", ""),
    "an older specversion": ("specversion", "0.9"),
    "no media type": ("datacontenttype", "xyz"),
    "empty media type": ("datacontenttype", ""),
    "empty dataschema": ("dataschema", ""),
    "empty subject": ("subject", ""),
    "a number as id": ("id", 25),
    "an object as id": ("id", {"xyz": "abc"}),
    "a capital in an extension's name": ("MyExtension", "bad"),
    "a full stop in an extension's name": ("my.extension", "bad"),
    "a fraction under a bad name": ("my.extension", 1.5),
}
VALUES = {
    "a fraction": 1.5,
    "a fraction that is whole": 1.0,
    "more than 32 bits": 2**31,
    "an object": {},
    "a list": [],
}
"""What no extension may be, whatever its name."""


@pytest.mark.parametrize("changed", VALID.values(), ids=VALID)
def test_a_valid_event_is_read(changed):
    found = read_structured(SMALLEST | changed)
    assert isinstance(found, Envelope)
    assert (found.id, found.source) == ("smallest", (SMALLEST | changed)["source"])


@pytest.mark.parametrize("changed", NOT_JSON.values(), ids=NOT_JSON)
def test_a_valid_event_without_json_is_refused_for_that_alone(changed):
    found = read_structured(SMALLEST | changed)
    assert (found.attribute, found.message) == ("datacontenttype", "must be application/json")
    assert isinstance(read_structured(SMALLEST | changed | {"datacontenttype": None}), Envelope)


@pytest.mark.parametrize(("name", "value"), INVALID.values(), ids=INVALID)
def test_an_invalid_event_is_refused_by_the_attribute(name, value):
    event = SMALLEST | {name: value}
    if value is ...:
        del event[name]
    found = read_structured(event)
    assert isinstance(found, BadEnvelope)
    assert found.attribute == name


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_an_extension_has_a_type_of_cloudevents(value):
    found = refused(
        structured(attributes() | {"data": DATA, "myextension": value}), "bad_envelope", "myextension"
    )
    assert found.message == "myextension must be text, a boolean or a whole number of 32 bits"


@pytest.mark.parametrize("value", [None, "", True, 0, -(2**31), 2**31 - 1])
def test_other_extensions_are_passed_over(value):
    found = DECODER.decode(structured(attributes() | {"data": DATA, "myextension": value}))
    assert found.command == DECODER.decode(record()).command


@pytest.mark.parametrize("name", ["MyExtension", "my.extension", "my_extension", "my-extension", "é", ""])
def test_a_name_that_cloudevents_does_not_allow_is_refused_in_both_modes(name):
    event = structured(attributes() | {"data": DATA, name: "bad"})
    refused(event, "bad_envelope", name, "only a-z and 0-9")
    headers = {f"ce_{key}": text.encode() for key, text in attributes().items()} | {f"ce_{name}": b"bad"}
    refused(record(headers=headers.items()), "bad_envelope", f"ce_{name}", "only a-z and 0-9")


def test_a_long_name_is_shown_shortened():
    found = DECODER.decode(structured(attributes() | {"data": DATA, "X" * 5_000: 1}))
    assert isinstance(found, Undecodable)
    assert len(found.message) < 200


def test_headers_without_the_prefix_have_any_name():
    headers = {f"ce_{key}": text.encode() for key, text in attributes().items()} | {"X-Request.Id": b"1"}
    assert isinstance(read_binary(headers), Envelope)


def test_data_and_data_base64_exclude_each_other():
    both = {"data": "text", "data_base64": "eyAieHl6IjogMTIzIH0="}
    refused(structured(attributes() | both), "bad_envelope", "data_base64")


def test_no_data_base64_and_a_null_one_are_the_same():
    event = attributes() | {"data": DATA, "data_base64": None}
    assert DECODER.decode(structured(event)).command == DECODER.decode(record()).command
    refused(structured(attributes() | {"data_base64": None}), "malformed")


def test_the_text_of_a_repeated_field_is_no_event():
    text = json.dumps(attributes() | {"data": DATA, "myextension": 1})
    refused(record(f'{text[:-1]}, "myextension": 2}}'.encode(), ()), "malformed", told=False)
