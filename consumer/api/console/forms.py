"""The form of each command, generated from the command's schema."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
from pydantic import TypeAdapter, ValidationError

from consumer.domain.terms import EMPTIED
from consumer.errors import InputRefused
from schemas.commands import COMMANDS
from schemas.digits import read_exactly
from schemas.fields import OPTIONAL
from schemas.places import fields_at, nodes_at
from schemas.terms import PROTECTED
from schemas.types import INSTANT_PATTERN, Instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind = Literal["text", "number", "choice", "boolean", "moment", "json"]

GIVEN: Final = frozenset({"requested_by", "expected_version", "contract_id"})
"""Fields that the console sets itself. Exception: `adopt` has its own `contract_id`."""

REMOVE: Final = "remove."
"""Prefix of a field's name: the checkbox that removes the field. An empty input does not change it."""

PREVIEW_AT: Final = "preview_at"
"""The input for the time of a preview, which is not a field of a command."""

_MOMENT: Final[TypeAdapter[datetime]] = TypeAdapter(Instant)

_REMOVABLE: Final = OPTIONAL | EMPTIED.keys()

_NUMBERS: Final = {"number", "integer"}


@dataclass(frozen=True, slots=True)
class FormField:
    """One input. `name`: the path in the data, with dots. `choices`: the values of a `choice`.

    `removable`: null removes the field from the contract; the form has a checkbox for that.
    """

    name: str
    kind: Kind
    required: bool
    removable: bool
    choices: tuple[str, ...] = ()
    about: str = ""


def fields_of(command: str) -> tuple[FormField, ...]:
    """The inputs for a command. Each field of `changes` is an input of its own."""
    type_ = COMMANDS[command].type
    given = GIVEN - {"contract_id"} if command == "adopt" else GIVEN
    return tuple(_fields(type_, (), given))


def data_of(command: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The data from a submitted form. Empty inputs are left out.

    Raises:
        InputRefused: an input cannot be read as its kind.
    """
    data: dict[str, Any] = {}
    for field in fields_of(command):
        text = form.get(field.name, "").strip()
        remove = field.removable and REMOVE + field.name in form
        if remove and text:
            raise _mistake(field, "must be empty if the field is to be removed")
        if not text and not remove:
            continue
        node = data
        *steps, last = field.name.split(".")
        for step in steps:
            node = node.setdefault(step, {})
        node[last] = None if remove else _value(field, text)
    return data


def moment_of(form: Mapping[str, str], name: str) -> datetime | None:
    """The time in an input; None: the input is empty.

    Raises:
        InputRefused: the text is not a time.
    """
    text = form.get(name, "").strip()
    try:
        return _MOMENT.validate_json(orjson.dumps(text)) if text else None
    except ValidationError:
        raise InputRefused(
            "a time is a date, or a date and time with an offset: 2026-12-31T00:00:00Z"
        ) from None


def _fields(type_: str, path: tuple[str, ...], given: frozenset[str]) -> Iterator[FormField]:
    required = {name for node in nodes_at(type_, path) for name in node.get("required", ())}
    for name in fields_at(type_, path):
        here = (*path, name)
        if not path and name in given:
            continue
        if here == ("changes",):
            yield from _fields(type_, here, given)
            continue
        field = _field(type_, here, required=name in required and not path)
        if not field.about.startswith(PROTECTED):
            yield field


def _field(type_: str, path: tuple[str, ...], *, required: bool) -> FormField:
    alternatives = nodes_at(type_, path)
    nodes = [node for node in alternatives if node.get("type") != "null"]
    choices = tuple(str(value) for node in nodes for value in node.get("enum", ()))
    about = next((str(node["description"]) for node in nodes if "description" in node), "")
    removable = len(nodes) < len(alternatives) and path[-1] in _REMOVABLE
    return FormField(".".join(path), _kind(nodes, choices), required, removable, choices, about)


def _kind(nodes: list[dict[str, Any]], choices: tuple[str, ...]) -> Kind:
    types = {str(node.get("type")) for node in nodes}
    if choices:
        return "choice"
    if types == {"boolean"}:
        return "boolean"
    if types & _NUMBERS:
        return "number"
    if types == {"string"}:
        return "moment" if any(node.get("pattern") == INSTANT_PATTERN for node in nodes) else "text"
    return "json"


def _value(field: FormField, text: str) -> Any:
    if field.kind in {"text", "choice", "moment"}:
        return text
    try:
        return read_exactly(text.encode())
    except orjson.JSONDecodeError:
        raise _mistake(field, "must be a number" if field.kind == "number" else "must be JSON") from None


def _mistake(field: FormField, why: str) -> InputRefused:
    return InputRefused(f"{field.name} {why}", errors=[(f"/{field.name.replace('.', '/')}", why)])
