"""Generates the published JSON Schemas (2020-12) from the types that validate."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from schemas.commands import COMMANDS_BY_TYPE
from schemas.contract import ContractState
from schemas.differences import EXTENSIBLE
from schemas.events import OUTPUTS
from schemas.examples import COMMAND_EXAMPLES, CONTRACT, EVENT_EXAMPLES
from schemas.meanings import explained
from schemas.messages import schema_uri

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

CONTRACT_LABEL: Final = "contract.v1"
"""The contract as readers and events show it. The stored form is internal, and has its own version."""

JsonSchema = dict[str, Any]


class _WithoutFieldTitles(GenerateJsonSchema):
    """Leaves out titles: pydantic generates them from the names of fields, so they add nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


@cache
def schemas() -> dict[str, JsonSchema]:
    """Every published schema by its label: `update.v1`."""
    commands = {
        spec.label: _document(spec.label, spec.meaning, shape(spec.shape), COMMAND_EXAMPLES[spec.label])
        for spec in COMMANDS_BY_TYPE.values()
    }
    events = {
        spec.label: _document(spec.label, spec.meaning, opened(shape(spec.shape)), EVENT_EXAMPLES[spec.label])
        for spec in OUTPUTS.values()
    }
    contract = _document(CONTRACT_LABEL, "a contract", opened(shape(ContractState)), [CONTRACT])
    return commands | events | {CONTRACT_LABEL: contract}


def shape(type_: Any) -> JsonSchema:
    """The JSON Schema of one shape."""
    return TypeAdapter(type_).json_schema(schema_generator=_WithoutFieldTitles)


def opened(schema: Any) -> Any:
    """The schema with open objects and enumerations: consumers must tolerate new fields and values.

    Known values are listed under a keyword that validators and code generators do not treat as a restriction.
    """
    if isinstance(schema, list):
        return [opened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        EXTENSIBLE if name == "enum" and isinstance(value, list) else name: opened(value)
        for name, value in schema.items()
        if not (name == "additionalProperties" and value is False)
    }


def _document(label: str, meaning: str, body: JsonSchema, examples: list[Any]) -> JsonSchema:
    head = {"$schema": DIALECT, "$id": schema_uri(label), "title": label, "description": meaning}
    parts = {name: explained(name, part) for name, part in body.get("$defs", {}).items()}
    rest = {key: value for key, value in body.items() if key not in head and key != "$defs"}
    whole = explained(label.partition(".")[0], rest)
    return head | whole | {"examples": examples} | ({"$defs": parts} if parts else {})
