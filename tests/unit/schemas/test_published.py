"""What is published is what validates."""

import copy
import re
from functools import cache
from pathlib import PurePosixPath

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema import ValidationError as Mistake
from jsonschema.validators import extend
from pydantic import ValidationError
from referencing import Registry

from consumer.engine.encoder import _dead_letter_headers
from consumer.engine.records import Undecodable
from schemas.asyncapi import DEAD_LETTER_HEADERS
from schemas.cloudevents import event_headers
from schemas.commands import COMMANDS, COMMANDS_BY_TYPE
from schemas.contract import ContractState, to_json
from schemas.events import EVENTS
from schemas.examples import COMMAND_EXAMPLES, EVENT_EXAMPLES
from schemas.export import PUBLISHED, documents, export, rendered
from schemas.jsonschema import CONTRACT_LABEL, DIALECT, schemas
from schemas.messages import SCHEMA_BASE
from tests.unit.schemas.test_sdk import CAUSE, TIME
from tests.unit.schemas.wire import record

LABELS = sorted(schemas())


def matches(_, pattern, instance, __):
    """As JSON Schema means it: `$` is the very end, where that of Python lets a line break follow."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield Mistake(f"does not match {pattern}")


Validator = extend(Draft202012Validator, {"pattern": matches})


@cache
def published(label: str) -> Draft202012Validator:
    return Validator(
        orjson.loads((PUBLISHED / f"{label}.json").read_bytes()),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
        registry=Registry(),  # nothing is fetched from anywhere
    )


def accepts(label: str, document) -> bool:
    return published(label).is_valid(document)


def test_the_files_are_those_that_the_shapes_make():
    """If not: `make docs`."""
    found = {file.name: file.read_bytes() for file in PUBLISHED.iterdir()}
    assert found == rendered()


def test_export_writes_them(tmp_path):
    written = export(tmp_path / "new" / "folder")
    assert {file.name: file.read_bytes() for file in written} == rendered()


@pytest.mark.parametrize("label", LABELS)
def test_a_schema_is_one(label):
    schema = schemas()[label]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert schema["$id"] == f"{SCHEMA_BASE}{label}.json"
    assert schema["description"]


def test_every_message_is_published():
    specs = [*COMMANDS_BY_TYPE.values(), *EVENTS.values()]
    assert {spec.label for spec in specs} | {CONTRACT_LABEL} == set(schemas())
    assert {f"{label}.json" for label in schemas()} | {"asyncapi.json"} == set(documents())


@pytest.mark.parametrize("label", LABELS)
def test_every_example_is_valid(label):
    examples = schemas()[label]["examples"]
    assert examples
    for document in examples:
        published(label).validate(document)


@pytest.mark.parametrize("spec", [*COMMANDS_BY_TYPE.values(), *EVENTS.values()], ids=lambda spec: spec.label)
def test_every_example_is_accepted_and_written_again_as_it_is(spec):
    for document in (COMMAND_EXAMPLES | EVENT_EXAMPLES)[spec.label]:
        value = spec.adapter.validate_json(orjson.dumps(document))
        if spec.name in EVENTS:
            assert orjson.loads(to_json(value)) == document


@pytest.mark.parametrize("label", [*(spec.label for spec in EVENTS.values()), CONTRACT_LABEL])
def test_consumers_tolerate_new_fields_everywhere(label):
    assert '"additionalProperties":false' not in orjson.dumps(schemas()[label]).decode()


@pytest.mark.parametrize("name", COMMANDS)
def test_producers_are_told_of_fields_that_nobody_knows(name):
    data = COMMAND_EXAMPLES[f"{name}.v1"][0] | {"nobody_knows_me": 1}
    assert not accepts(f"{name}.v1", data)


# --- what the schema refuses, the decoder refuses; and it refuses more only where a schema cannot say it

BEYOND_JSON_SCHEMA = {
    "int_type",  # 1.0 is a whole number for JSON Schema
    "printable",
    "email",
    "decimal_places",
    "instant",
}

EDGES = [2**31, 2**31 + 1, 2**53 - 1, 2**53, 10**15, 10**15 + 1, 1e300, -0.5, 0.00001, 1.5, 2.0, 0.0]
INSTANTS = ["2026-01-31", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00", "2026-02-30", "2026-01-31\n"]
WORDS = ["", "x", "a\nb", "USD", "usd", "USD\n", "a@example.com", "a@", "active", "gold", "basic"]
LONG = ["x" * 128, "x" * 129, "x" * 257, "x" * 10_001]
MEMBERS = st.dictionaries(
    st.sampled_from(["name", "email", "max_trade_value", "", "k", "monthly_fee"]),
    st.sampled_from(["a@example.com", 5, None, ""]),
    max_size=2,
)

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 130),
    st.sampled_from([*EDGES, *INSTANTS, *WORDS, *LONG]),
    st.lists(st.sampled_from(["a", "b", 1, None, 30, 3651]), max_size=3),
    st.just(["t"] * 201),
    MEMBERS,
)


def places(document, path=()):
    """Every place in a document that can be changed."""
    yield path
    members = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in members:
        yield from places(value, (*path, key))


def changed(document, path, draw):
    """The document with something else, nothing, or something more at a place."""
    if not path:
        return draw(JUNK)
    document = copy.deepcopy(document)
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    how = draw(st.sampled_from(["replace", "remove", "add"]))
    if how == "replace":
        parent[path[-1]] = draw(JUNK)
    elif how == "remove":
        del parent[path[-1]]
    elif isinstance(parent, dict):
        parent[draw(st.sampled_from(FIELDS))] = draw(JUNK)
    else:
        parent.append(draw(JUNK))
    return document


FIELDS = sorted(
    {name for label in LABELS for name in schemas()[label].get("properties", {})}
    | {"email", "min_trades", "x"}
)


@st.composite
def commands(draw):
    label = draw(st.sampled_from(sorted(COMMAND_EXAMPLES)))
    data = draw(st.sampled_from(COMMAND_EXAMPLES[label]))
    for _ in range(draw(st.integers(1, 3))):
        data = changed(data, draw(st.sampled_from(list(places(data)))), draw)
    return label, data


@settings(max_examples=1000)
@given(commands())
@example(("cancel.v1", {"reason": None}))
@example(("renew.v1", {"term_months": 12.0}))
@example(("renew.v1", {"end_date": "2026-01-31\n"}))
@example(("create.v1", {"contract_type": "custom", "usage_limits": {"max_trade_value": 0}}))
@example(("create.v1", {"contract_type": "custom", "base_monthly_fee": 0}))
@example(("create.v1", {"contract_type": "basic", "features": ["a", "a"]}))
@example(("create.v1", {"contract_type": "basic", "metadata": {"": "x"}}))
@example(("create.v1", {"contract_type": "basic", "metadata": {str(number): "x" for number in range(51)}}))
def test_the_decoder_refuses_what_the_schema_refuses(command):
    label, data = command
    spec = COMMANDS[PurePosixPath(label).stem]
    in_schema = accepts(label, data)
    try:
        spec.adapter.validator.validate_json(orjson.dumps(data), strict=True)
        accepted, reasons = True, set()
    except ValidationError as error:
        accepted, reasons = False, {detail["type"] for detail in error.errors()}
    assert in_schema or not accepted
    if in_schema and not accepted:
        assert reasons <= BEYOND_JSON_SCHEMA


# --- AsyncAPI beside what is really written


def test_the_headers_of_events_are_those_that_are_written():
    for name, spec in EVENTS.items():
        headers = dict(
            event_headers(name, identity=b"i", ordinal=0, offset=1, subject="a", time=TIME, cause=CAUSE)
        )
        described = documents()["asyncapi.json"]["components"]["messages"][spec.label]["headers"]
        assert set(described["properties"]) == set(headers)
        Draft202012Validator(described).validate({key: value.decode() for key, value in headers.items()})


def test_every_example_in_the_asyncapi_document_is_valid():
    """Headers, too; payloads against the components, as code generators see them."""
    document = documents()["asyncapi.json"]
    components = document["components"]
    for name, message in components["messages"].items():
        assert message["examples"], name
        for shown in message["examples"]:
            Draft202012Validator(message["headers"]).validate(shown["headers"])
            if "payload" in message:
                schema = message["payload"] | {"components": components}
                Draft202012Validator(schema, registry=Registry()).validate(shown["payload"])
                if "command" in shown["payload"]:
                    assert shown["headers"]["ce_causationid"] == shown["payload"]["command"]["id"]


def test_the_headers_of_dead_letters_are_those_that_are_written():
    letter = Undecodable("malformed", "m", "/p", record())
    written = {name for name, _ in _dead_letter_headers(letter)}
    assert written | {"dlq-value-bytes", "dlq-value-sha256"} == set(DEAD_LETTER_HEADERS)


def test_a_contract_in_an_event_is_a_contract():
    contract = EVENT_EXAMPLES["changed.v1"][0]["contract"]
    published(CONTRACT_LABEL).validate(contract)
    assert set(schemas()[CONTRACT_LABEL]["properties"]) == set(ContractState.__annotations__)
