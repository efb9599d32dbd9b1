"""The OpenAPI 3.1 description of the API: the end points from FastAPI, the data from the published schemas.

`make docs` writes it beside those: schemas/published/openapi.json.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

import orjson

from consumer.api.auth import ACCESS, COMMAND_PATH, PUBLIC
from consumer.api.problems import MEDIA_TYPE
from consumer.domain.erasure import PERSONAL
from schemas.jsonschema import CONTRACT_LABEL, schemas

if TYPE_CHECKING:
    from fastapi import FastAPI

    JsonSchema = dict[str, Any]

_OBJECT: Final = {"type": "object"}
_SET_BY_HEADERS: Final = ("requested_by",)
"""Fields of commands that a request body must not contain."""

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457. Codes and members may be added.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {
                    "path": {
                        "type": "string",
                        "description": "JSON Pointer into the body, or name of a parameter or header.",
                    },
                    "message": {"type": "string"},
                },
            },
        },
    },
}


def described(app: FastAPI) -> JsonSchema:
    """The whole document."""
    document = deepcopy(app.openapi())
    components = {"Problem": _PROBLEM, "Page": _page(_OBJECT), **_contract()}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["security"] = [{"token": []}]
            operation["x-role"] = ACCESS[f"{method.upper()} {path}"]
            operation["responses"] = _responses(method, path)
            if method == "post":
                name = path.removeprefix(COMMAND_PATH).partition("/")[0]
                components |= _command(name)
                operation["requestBody"] = {
                    "content": {"application/json": {"schema": _reference(f"{name}.v1")}}
                }
    document["components"] = {
        "schemas": components,
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    }
    return document


def rendered(app: FastAPI) -> bytes:
    """The text of the file."""
    return orjson.dumps(described(app), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _responses(method: str, path: str) -> JsonSchema:
    if path in PUBLIC:
        return {}
    statuses = ["400", "401", "403", "404", "410", "429", "500", "503", "504"]
    if method == "get":
        answers = {"200": _json("The answer.", _schema_of(path))}
    else:
        answers = {"200": _json("The result.", _OBJECT)}
        statuses += ["408", "409", "412", "413", "415", "422"]
        if not path.endswith("/preview"):
            answers["202"] = _json("It is in the log; `Location` is where its result will be.", _OBJECT)
    problems = {status: _problem(status) for status in sorted(statuses)}
    return {**answers, **problems}


def _schema_of(path: str) -> JsonSchema:
    if path.endswith(("/contract", "/{contract_id}")):
        return _reference(CONTRACT_LABEL)
    if path == "/v1/contracts":
        return _page(_reference(CONTRACT_LABEL))
    return _reference("Page") if path.endswith(("/history", "/expiring")) else _OBJECT


def _page(items: JsonSchema) -> JsonSchema:
    following = {"type": ["string", "null"], "description": "`after` of the page that follows."}
    return {
        "type": "object",
        "required": ["data", "has_more", "next"],
        "properties": {
            "data": {"type": "array", "items": items},
            "has_more": {"type": "boolean"},
            "next": following,
        },
    }


def _json(text: str, schema: JsonSchema) -> JsonSchema:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _problem(status: str) -> JsonSchema:
    return {
        "description": f"A problem, {status}.",
        "content": {MEDIA_TYPE: {"schema": _reference("Problem")}},
    }


def _reference(name: str) -> JsonSchema:
    return {"$ref": f"#/components/schemas/{name}"}


def _contract() -> dict[str, JsonSchema]:
    """The published contract; fields that are withheld from some tokens are not there for them."""
    parts = _parts(CONTRACT_LABEL)
    for schema in parts.values():
        withheld = {*PERSONAL, "requested_by"}
        schema["required"] = [name for name in schema.get("required", ()) if name not in withheld]
    return parts


def _command(name: str) -> dict[str, JsonSchema]:
    parts = _parts(f"{name}.v1")
    body = parts[f"{name}.v1"]
    for field in _SET_BY_HEADERS:
        body["properties"].pop(field, None)
    body["examples"] = [
        {key: value for key, value in example.items() if key not in _SET_BY_HEADERS}
        for example in body.get("examples", ())
    ]
    return parts


def _parts(label: str) -> dict[str, JsonSchema]:
    """A published schema and its definitions, each as a component of its own."""
    whole = deepcopy(schemas()[label])
    parts = {label: whole} | {f"{label}.{name}": part for name, part in whole.pop("$defs", {}).items()}
    whole.pop("$schema")
    whole.pop("$id")
    return {name: _with_references(part, label) for name, part in parts.items()}


def _with_references(node: Any, label: str) -> Any:
    if isinstance(node, list):
        return [_with_references(each, label) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value.replace("#/$defs/", f"#/components/schemas/{label}.")
        if key == "$ref" and isinstance(value, str)
        else _with_references(value, label)
        for key, value in node.items()
    }
