"""Decides which changes of the HTTP API's operations break its callers.

A caller must be able to send the same requests, and find the same data in answers. Operations, and optional
parameters and body fields, may be added. Answers may have more data, never less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from schemas.differences import differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.differences import Schema

    Node = Mapping[str, Any]

ROLES: Final = ("reader", "publisher", "operator")
"""`x-role` of an operation. Each role includes the rights of the ones before it."""

_METHODS: Final = ("get", "put", "post", "delete", "patch")


class OperationChange(NamedTuple):
    """One change. `path`: JSON Pointer that begins with `body`, a status, or the location of a parameter."""

    operation: str
    path: str
    text: str
    breaking: bool = False


def operation_changes(old: Schema, new: Schema) -> Iterator[OperationChange]:
    """Every change between two OpenAPI documents that is visible to callers."""
    before, after = _operations(old), _operations(new)
    for name, operation in before.items():
        if name not in after:
            yield OperationChange(name, "", "is gone", breaking=True)
            continue
        yield from _Comparison(name, _definitions(old), _definitions(new)).between(operation, after[name])
    for name in after.keys() - before.keys():
        yield OperationChange(name, "", "is new")


def _operations(document: Schema) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operations[method]
        for path, operations in document.get("paths", {}).items()
        for method in _METHODS
        if method in operations
    }


def _definitions(document: Schema) -> Schema:
    found: Schema = document.get("components", {}).get("schemas", {})
    return found


class _Comparison:
    """Finds the changes of one operation.

    Args:
        name: of the operation.
        before, after: the components of both documents.
    """

    def __init__(self, name: str, before: Schema, after: Schema) -> None:
        self._name = name
        self._before = before
        self._after = after

    def between(self, old: Node, new: Node) -> Iterator[OperationChange]:
        yield from self._role(old.get("x-role"), new.get("x-role"))
        yield from self._parameters(_by_place(old), _by_place(new))
        yield from self._bodies(old.get("requestBody", {}), new.get("requestBody", {}))
        for status, answer in old["responses"].items():
            if status not in new["responses"]:
                yield self._change(status, "is gone", breaking=True)
            else:
                yield from self._answers(status, _contents(answer), _contents(new["responses"][status]))
        for status in sorted(new["responses"].keys() - old["responses"].keys()):
            yield self._change(status, "is new")

    def _role(self, old: str | None, new: str | None) -> Iterator[OperationChange]:
        if old != new:
            stronger = new in ROLES and (old not in ROLES or ROLES.index(new) > ROLES.index(old))
            yield self._change("", f"requires the role {new} instead of {old}", breaking=stronger)

    def _parameters(self, old: Node, new: Node) -> Iterator[OperationChange]:
        for place, parameter in old.items():
            if place not in new:
                yield self._change(place, "is gone", breaking=True)
                continue
            yield from self._required(place, parameter, new[place])
            yield from self._sent(place, parameter["schema"], new[place]["schema"])
        for place in sorted(new.keys() - old.keys()):
            needed = bool(new[place].get("required"))
            yield self._change(place, f"is new{', and must be given' if needed else ''}", breaking=needed)

    def _bodies(self, old: Node, new: Node) -> Iterator[OperationChange]:
        yield from self._required("body", old, new)
        before, after = _contents(old), _contents(new)
        for media_type, schema in before.items():
            if media_type not in after:
                yield self._change("body", f"may no longer be {media_type}", breaking=True)
            else:
                yield from self._sent("body", schema, after[media_type])
        for media_type in sorted(after.keys() - before.keys()):
            yield self._change("body", f"may now be {media_type}")

    def _required(self, place: str, old: Node, new: Node) -> Iterator[OperationChange]:
        before, after = bool(old.get("required")), bool(new.get("required"))
        if before != after:
            text = "must now be given" if after else "need no longer be given"
            yield self._change(place, text, breaking=after)

    def _answers(self, status: str, old: Node, new: Node) -> Iterator[OperationChange]:
        for media_type, schema in old.items():
            if media_type not in new:
                yield self._change(status, f"is no longer {media_type}", breaking=True)
                continue
            for path, text, _, more in self._differences(schema, new[media_type]):
                yield self._change(status + path, text, breaking=more or text == "is gone")
        for media_type in sorted(new.keys() - old.keys()):
            yield self._change(status, f"may now be {media_type}")

    def _sent(self, place: str, old: Schema, new: Schema) -> Iterator[OperationChange]:
        for path, text, less, _ in self._differences(old, new):
            yield self._change(place + path, text, breaking=less)

    def _differences(self, old: Schema, new: Schema) -> list[Any]:
        return list(differences({**old, "$defs": self._before}, {**new, "$defs": self._after}))

    def _change(self, path: str, text: str, *, breaking: bool = False) -> OperationChange:
        return OperationChange(self._name, f"/{path}" if path else "", text, breaking)


def _by_place(operation: Node) -> dict[str, Any]:
    """Names of headers are not case-sensitive."""
    return {f"{each['in']}/{each['name'].lower()}": each for each in operation.get("parameters", ())}


def _contents(part: Node) -> dict[str, Schema]:
    """The schema of each media type."""
    return {media_type: content.get("schema", {}) for media_type, content in part.get("content", {}).items()}
