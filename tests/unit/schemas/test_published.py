"""What is published is what validates."""

import orjson
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from consumer.engine.encoder import _dead_letter_headers
from consumer.engine.records import Undecodable
from schemas.cloudevents import event_headers
from schemas.commands import COMMANDS, COMMANDS_BY_TYPE
from schemas.contract import ContractState, to_json
from schemas.events import OUTPUTS
from schemas.examples import COMMAND_EXAMPLES, EVENT_EXAMPLES
from schemas.export import PUBLISHED, documents, export, rendered
from schemas.headers import DEAD_LETTER_HEADERS
from schemas.jsonschema import CONTRACT_LABEL, DIALECT, schemas
from schemas.messages import SCHEMA_BASE
from tests.unit.schemas.test_sdk import CAUSE, TIME
from tests.unit.schemas.validating import LABELS, accepts, published
from tests.unit.schemas.wire import record


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
    specs = [*COMMANDS_BY_TYPE.values(), *OUTPUTS.values()]
    assert {spec.label for spec in specs} | {CONTRACT_LABEL} == set(schemas())
    assert {f"{label}.json" for label in schemas()} | {"asyncapi.json"} == set(documents())


@pytest.mark.parametrize("label", LABELS)
def test_every_example_is_valid(label):
    examples = schemas()[label]["examples"]
    assert examples
    for document in examples:
        published(label).validate(document)


@pytest.mark.parametrize("spec", [*COMMANDS_BY_TYPE.values(), *OUTPUTS.values()], ids=lambda spec: spec.label)
def test_every_example_is_accepted_and_written_again_as_it_is(spec):
    for document in (COMMAND_EXAMPLES | EVENT_EXAMPLES)[spec.label]:
        value = spec.adapter.validate_json(orjson.dumps(document))
        if spec.name in OUTPUTS:
            assert orjson.loads(to_json(value)) == document


@pytest.mark.parametrize("label", [*(spec.label for spec in OUTPUTS.values()), CONTRACT_LABEL])
def test_consumers_tolerate_new_fields_everywhere(label):
    assert '"additionalProperties":false' not in orjson.dumps(schemas()[label]).decode()


@pytest.mark.parametrize("name", COMMANDS)
def test_producers_are_told_of_fields_that_nobody_knows(name):
    data = COMMAND_EXAMPLES[f"{name}.v1"][0] | {"nobody_knows_me": 1}
    assert not accepts(f"{name}.v1", data)


def test_the_headers_of_events_are_those_that_are_written():
    for name, spec in OUTPUTS.items():
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
