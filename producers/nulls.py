"""Removes nulls from contracts of other programs, where a null means that the field is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from schemas.places import nodes_at
from schemas.strict_json import MAX_DEPTH

if TYPE_CHECKING:
    from schemas.commands import CommandSpec

JsonPath = tuple[str, ...]


def without_nulls(spec: CommandSpec, value: Any, path: JsonPath = ()) -> Any:
    """The data without nulls, except where null has a meaning in the schema: the end of an open tier."""
    if len(path) > MAX_DEPTH:
        return value  # refused later, with its path: it may contain itself
    if isinstance(value, Mapping):
        return {
            name: without_nulls(spec, inner, (*path, str(name)))
            for name, inner in value.items()
            if inner is not None or _has_meaning(spec, (*path, str(name)))
        }
    if isinstance(value, list | tuple):
        return [without_nulls(spec, inner, (*path, "")) for inner in value]
    return value


def _has_meaning(spec: CommandSpec, path: JsonPath) -> bool:
    kinds = [node.get("type") for node in nodes_at(spec.type, path)]
    return any("null" in (kind if isinstance(kind, list) else [kind]) for kind in kinds)
