"""Nothing that says nothing: a null in somebody's contract stands for a field left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.places import nodes_at

if TYPE_CHECKING:
    from schemas.commands import CommandSpec

Place = tuple[str, ...]


def without_nulls(spec: CommandSpec, value: Any, place: Place = ()) -> Any:
    """Data without nulls, but for those that its schema gives a meaning: an open tier has no end."""
    if isinstance(value, dict):
        return {
            name: without_nulls(spec, inner, (*place, str(name)))
            for name, inner in value.items()
            if inner is not None or _has_meaning(spec, (*place, str(name)))
        }
    if isinstance(value, list | tuple):
        return [without_nulls(spec, inner, (*place, "")) for inner in value]
    return value


def _has_meaning(spec: CommandSpec, place: Place) -> bool:
    kinds = [node.get("type") for node in nodes_at(spec.type, place)]
    return any("null" in (kind if isinstance(kind, list) else [kind]) for kind in kinds)
