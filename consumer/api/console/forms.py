"""A form for each command, built from the schema that the service checks it with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from consumer.errors import InputRefused
from schemas.commands import COMMANDS
from schemas.digits import read_exactly
from schemas.places import fields_at, nodes_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind = Literal["text", "number", "choice", "boolean", "moment", "json"]

GIVEN: Final = frozenset({"requested_by", "expected_version", "contract_id"})
"""Fields that the console fills in itself, but for `adopt`, which brings its own id."""

_NUMBERS: Final = {"number", "integer"}


@dataclass(frozen=True, slots=True)
class FormField:
    """One input. `name` is the path in the data, with dots; `choices` of a `choice`."""

    name: str
    kind: Kind
    required: bool
    choices: tuple[str, ...] = ()
    about: str = ""


def fields_of(command: str) -> tuple[FormField, ...]:
    """The inputs of a command; the fields of `changes` each have their own."""
    type_ = COMMANDS[command].type
    given = GIVEN - {"contract_id"} if command == "adopt" else GIVEN
    return tuple(_fields(type_, (), given))


def data_of(command: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The data that was filled in; what was left empty is left out.

    Raises:
        InputRefused: an input is not what its kind says.
    """
    data: dict[str, Any] = {}
    for field in fields_of(command):
        text = form.get(field.name, "").strip()
        if not text:
            continue
        place = data
        *steps, last = field.name.split(".")
        for step in steps:
            place = place.setdefault(step, {})
        place[last] = _value(field, text)
    return data


def _fields(type_: str, place: tuple[str, ...], given: frozenset[str]) -> Iterator[FormField]:
    required = {name for node in nodes_at(type_, place) for name in node.get("required", ())}
    for name in fields_at(type_, place):
        here = (*place, name)
        if not place and name in given:
            continue
        if here == ("changes",):
            yield from _fields(type_, here, given)
        else:
            yield _field(type_, here, required=name in required and not place)


def _field(type_: str, place: tuple[str, ...], *, required: bool) -> FormField:
    nodes = [node for node in nodes_at(type_, place) if node.get("type") != "null"]
    choices = tuple(str(value) for node in nodes for value in node.get("enum", ()))
    about = next((str(node["description"]) for node in nodes if "description" in node), "")
    return FormField(".".join(place), _kind(nodes, choices), required, choices, about)


def _kind(nodes: list[dict[str, Any]], choices: tuple[str, ...]) -> Kind:
    types = {str(node.get("type")) for node in nodes}
    if choices:
        return "choice"
    if types == {"boolean"}:
        return "boolean"
    if types & _NUMBERS:
        return "number"
    if types == {"string"}:
        return "moment" if any(node.get("format") == "date-time" for node in nodes) else "text"
    return "json"


def _value(field: FormField, text: str) -> Any:
    if field.kind in {"text", "choice", "moment"}:
        return None if text == "null" and field.kind != "text" else text
    try:
        return read_exactly(text.encode())
    except orjson.JSONDecodeError:
        wanted = "a number" if field.kind == "number" else "JSON"
        raise InputRefused(
            f"{field.name} must be {wanted}", errors=[(f"/{field.name}", f"must be {wanted}")]
        ) from None
