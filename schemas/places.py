"""What a JSON Schema says about a place in the data of a command, or in the templates file."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from schemas.commands import COMMANDS_BY_TYPE
from schemas.templates import TEMPLATES_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.messages import MessageSpec

_GIVEN: Final[Mapping[str, MessageSpec]] = {**COMMANDS_BY_TYPE, TEMPLATES_FILE.type: TEMPLATES_FILE}

Node = dict[str, Any]
"""A part of a JSON Schema."""


@lru_cache(maxsize=1024)
def nodes_at(type_: str, place: tuple[str, ...]) -> tuple[Node, ...]:
    """The schemas that apply at a place in data of this type. "" stands for the entries of a list."""
    schema = _GIVEN[type_].adapter.json_schema()
    nodes = [schema]
    for step in place:
        nodes = [child for node in _resolved(schema, nodes) if (child := _child(node, step)) is not None]
    return tuple(_resolved(schema, nodes))


def fields_at(type_: str, place: tuple[str, ...]) -> tuple[str, ...]:
    """The fields that are known at a place."""
    return tuple(field for node in nodes_at(type_, place) for field in node.get("properties", ()))


def _child(node: Node, step: str) -> Node | None:
    if not step:
        child = node.get("items")
    else:
        child = node.get("properties", {}).get(step, node.get("additionalProperties"))
    return child if isinstance(child, dict) else None


def _resolved(schema: Node, nodes: list[Node]) -> list[Node]:
    """The schemas, with references resolved and alternatives listed separately."""
    found: list[Node] = []
    for node in nodes:
        if "$ref" in node:
            found += _resolved(schema, [schema["$defs"][node["$ref"].rpartition("/")[2]]])
        elif "anyOf" in node:
            found += _resolved(schema, node["anyOf"])
        else:
            found.append(node)
    return found
