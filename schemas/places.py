"""What a command's JSON Schema says about a place in its data."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from schemas.commands import COMMANDS_BY_TYPE

Node = dict[str, Any]
"""A part of a JSON Schema."""


@lru_cache(maxsize=1024)
def nodes_at(type_: str, place: tuple[str, ...]) -> tuple[Node, ...]:
    """The alternatives at a place in the data of a command of this CloudEvents type; "" is a list's entry."""
    schema = COMMANDS_BY_TYPE[type_].adapter.json_schema()
    nodes = [schema]
    for step in place:
        nodes = [child for node in _resolved(schema, nodes) if (child := _child(node, step)) is not None]
    return tuple(_resolved(schema, nodes))


def fields_at(type_: str, place: tuple[str, ...]) -> tuple[str, ...]:
    """The fields that a command knows at a place."""
    return tuple(field for node in nodes_at(type_, place) for field in node.get("properties", ()))


def _child(node: Node, step: str) -> Node | None:
    if not step:
        child = node.get("items")
    else:
        child = node.get("properties", {}).get(step, node.get("additionalProperties"))
    return child if isinstance(child, dict) else None


def _resolved(schema: Node, nodes: list[Node]) -> list[Node]:
    """The nodes with references followed and alternatives spread out."""
    found: list[Node] = []
    for node in nodes:
        if "$ref" in node:
            found += _resolved(schema, [schema["$defs"][node["$ref"].rpartition("/")[2]]])
        elif "anyOf" in node:
            found += _resolved(schema, node["anyOf"])
        else:
            found.append(node)
    return found
