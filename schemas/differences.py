"""Compares what two JSON Schemas accept, for the keywords that the published schemas use."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]
Others = Schema | bool


EXTENSIBLE: Final = "x-extensible-enum"
"""A keyword from Zalando's API guidelines: these values are known, and others may be added."""


class Difference(NamedTuple):
    """One difference. The JSON Pointer is into the documents that the schemas describe."""

    path: str
    text: str
    accepts_less: bool = False
    """The new schema refuses documents that the old one accepted."""
    accepts_more: bool = False
    """The new schema accepts documents that the old one refused."""


_ANNOTATIONS: Final = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "examples", "default", "deprecated"}
)
_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT: Final = ("pattern", "format", "uniqueItems")
_NESTED: Final = ("items", "propertyNames")
_KNOWN: Final = frozenset(
    {"$ref", "anyOf", "type", "enum", EXTENSIBLE, "const", "properties", "required", "additionalProperties"}
    | {*_LOWER_BOUNDS, *_UPPER_BOUNDS, *_EXACT, *_NESTED}
)


def differences(old: Schema, new: Schema) -> list[Difference]:
    """All differences between two schemas. Descriptions are ignored."""
    return list(_Comparison(old, new).between(old, new, ""))


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old_definitions = old.get("$defs", {})
        self._new_definitions = new.get("$defs", {})

    def between(self, old: Schema, new: Schema, path: str) -> Iterator[Difference]:
        old, new = _resolved(old, self._old_definitions), _resolved(new, self._new_definitions)
        if "anyOf" in old or "anyOf" in new:
            yield from self._alternatives(_alternatives_of(old), _alternatives_of(new), path)
            return
        yield from _types(old, new, path)
        yield from _choices(old, new, path)
        yield from _known_values(old, new, path)
        yield from _bounds(old, new, path)
        yield from _exact(old, new, path)
        yield from self._members(old, new, path)
        for name in _NESTED:
            yield from self._optional(name, old, new, f"{path}/*")
        yield from _unknown(old, new, path)

    def _alternatives(self, old: list[Schema], new: list[Schema], path: str) -> Iterator[Difference]:
        """Compares alternatives of the same type, in their order."""
        before, after = self._by_type(old, self._old_definitions), self._by_type(new, self._new_definitions)
        for type_ in {**before, **after}:
            for one, other in zip_longest(before.get(type_, []), after.get(type_, [])):
                if other is None:
                    yield Difference(path, f"may no longer be {type_}", accepts_less=True)
                elif one is None:
                    yield Difference(path, f"may now be {type_}", accepts_more=True)
                else:
                    yield from self.between(one, other, path)

    def _by_type(self, alternatives: list[Schema], definitions: Schema) -> dict[str, list[Schema]]:
        found: dict[str, list[Schema]] = {}
        for alternative in alternatives:
            schema = _resolved(alternative, definitions)
            type_ = str(schema.get("type", "anything"))
            found.setdefault("number" if type_ == "integer" else type_, []).append(schema)
        return found

    def _members(self, old: Schema, new: Schema, path: str) -> Iterator[Difference]:
        yield from _required(old, new, path)
        before, after = old.get("properties", {}), new.get("properties", {})
        old_others, new_others = (schema.get("additionalProperties", True) for schema in (old, new))
        for name in {**before, **after}:
            place = f"{path}/{name}"
            if name not in after:
                yield Difference(place, "is gone", accepts_less=new_others is False)
            elif name not in before:
                yield Difference(place, "is new", accepts_more=old_others is False)
            one, other = before.get(name, old_others), after.get(name, new_others)
            if isinstance(one, dict) and isinstance(other, dict):
                yield from self.between(one, other, place)
        yield from self._others(old_others, new_others, path)

    def _others(self, before: Others, after: Others, path: str) -> Iterator[Difference]:
        """Compares which unlisted members are allowed: any, none, or those that fit a schema."""
        if isinstance(before, dict) and isinstance(after, dict):
            yield from self.between(before, after, f"{path}/*")
        elif before != after:
            more = before is False or after is True
            text = "is open to other fields" if more else "is closed to other fields"
            yield Difference(path, text, accepts_less=not more, accepts_more=more)

    def _optional(self, name: str, old: Schema, new: Schema, path: str) -> Iterator[Difference]:
        if name in old and name in new:
            yield from self.between(old[name], new[name], path)
        elif name in old or name in new:
            added = name in new
            text = f"{name} {'added' if added else 'removed'}"
            yield Difference(path, text, accepts_less=added, accepts_more=not added)


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """The schema behind a reference, together with the keywords next to it."""
    while "$ref" in schema:
        beside = {word: value for word, value in schema.items() if word != "$ref"}
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **beside}
    return schema


def _alternatives_of(schema: Schema) -> list[Schema]:
    """The alternatives, each together with the keywords next to them."""
    beside = {word: value for word, value in schema.items() if word != "anyOf"}
    return [{**beside, **alternative} for alternative in schema.get("anyOf", [{}])]


def _type_set(schema: Schema) -> set[str] | None:
    """The JSON types that a schema allows; None: all. An integer counts as a number."""
    if "type" not in schema:
        return None
    types = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    return types | {"integer"} if "number" in types else types


def _types(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    yield from _sets(_type_set(old), _type_set(new), path, "type")


def _choices(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    yield from _sets(_choice_set(old), _choice_set(new), path, "value")


def _known_values(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    """Compares the values of an open enumeration. It accepts other values, so no difference is breaking."""
    if EXTENSIBLE not in old or EXTENSIBLE not in new:
        return
    before, after = set(old[EXTENSIBLE]), set(new[EXTENSIBLE])
    for gone in sorted(before - after):
        yield Difference(path, f"value {gone!r} is no longer listed")
    for added in sorted(after - before):
        yield Difference(path, f"value {added!r} is new")


def _choice_set(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {repr(schema["const"])}
    return {repr(choice) for choice in schema["enum"]} if "enum" in schema else None


def _sets(old: set[str] | None, new: set[str] | None, path: str, what: str) -> Iterator[Difference]:
    """Compares two sets of allowed values; None: everything is allowed."""
    if old is None or new is None:
        if old is not new:
            less = old is None
            text = f"{what} {'restricted' if less else 'no longer restricted'}"
            yield Difference(path, text, accepts_less=less, accepts_more=not less)
        return
    for gone in sorted(old - new):
        yield Difference(path, f"{what} {gone} no longer allowed", accepts_less=True)
    for added in sorted(new - old):
        yield Difference(path, f"{what} {added} now allowed", accepts_more=True)


def _bounds(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    for names, widest in ((_LOWER_BOUNDS, float("-inf")), (_UPPER_BOUNDS, float("inf"))):
        for name in names:
            before, after = old.get(name, widest), new.get(name, widest)
            if before != after:
                less = (after > before) == (names is _LOWER_BOUNDS)
                shown = f"{name} {old.get(name, 'none')} is now {new.get(name, 'none')}"
                yield Difference(path, shown, accepts_less=less, accepts_more=not less)


def _exact(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    for name in _EXACT:
        before, after = old.get(name) or None, new.get(name) or None
        if before != after:
            text = f"{name} changed"
            yield Difference(path, text, accepts_less=after is not None, accepts_more=before is not None)


def _required(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(after - before):
        yield Difference(f"{path}/{name}", "is now required", accepts_less=True)
    for name in sorted(before - after):
        yield Difference(f"{path}/{name}", "is no longer required", accepts_more=True)


def _unknown(old: Schema, new: Schema, path: str) -> Iterator[Difference]:
    """Reports every difference in keywords that this comparison does not know: they may mean anything."""
    for name in sorted((old.keys() | new.keys()) - _KNOWN - _ANNOTATIONS):
        if old.get(name) != new.get(name):
            yield Difference(path, f"{name} changed", accepts_less=True, accepts_more=True)
