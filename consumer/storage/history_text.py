"""Converts `changes` of version 0.1, which is JSON text, to the values that this version stores.

In the text, times and money are text and numbers. The type of a field in the contract says which it is.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints

import orjson
from pydantic_core import PydanticCustomError
from typing_extensions import is_typeddict

from schemas.contract import ContractState
from schemas.types import parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.storage.kept import KeptEvent


def upcast_entry(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored entry in the form of this version; the same object if it already has it.

    Text that version 0.1 cannot have written is not changed: the check of the entry's shape reports it.
    """
    changes = document.get("changes")
    if not isinstance(changes, str):
        return document
    try:
        return {**document, "changes": events_from(changes)}
    except (ValueError, TypeError, AttributeError, KeyError, PydanticCustomError):
        return document


def events_from(text: str) -> list[KeptEvent]:
    """The events of an entry of version 0.1."""
    return [_event(kept) for kept in orjson.loads(text)]


def _event(kept: dict[str, Any]) -> KeptEvent:
    event: Any = kept | {"effective_at": parse_instant(kept["effective_at"])}
    if "fields" in kept:
        event["fields"] = [_field(field) for field in kept["fields"]]
    if "stamps" in kept:
        event["stamps"] = _value(ContractState, kept["stamps"])
    return event  # type: ignore[no-any-return]


def _field(field: dict[str, Any]) -> dict[str, Any]:
    hint = _hint_at(field["path"])
    return {name: _value(hint, part) if name in _SIDES else part for name, part in field.items()}


_SIDES: Final = frozenset({"before", "after"})


def _hint_at(path: str) -> Any:
    """The type of what a JSON Pointer leads to; Any where callers choose the names."""
    hint: Any = ContractState
    for name in path[1:].split("/"):
        hint = get_type_hints(hint).get(name, Any) if is_typeddict(hint) else Any
    return hint


def _value(hint: Any, value: Any) -> Any:
    """A value of JSON as one of this type."""
    parts = get_args(hint)
    if hint in _SCALARS:
        return None if value is None else _SCALARS[hint](value)
    if value is None:
        return None
    if is_typeddict(hint):
        hints = get_type_hints(hint)
        return {name: _value(hints.get(name, Any), part) for name, part in value.items()}
    if get_origin(hint) is list:
        return [_value(parts[0], part) for part in value]
    return _value(parts[0], value) if NoneType in parts else value


def _money(number: float) -> Decimal:
    return Decimal(str(number))


_SCALARS: Final[Mapping[Any, Callable[[Any], Any]]] = {datetime: parse_instant, Decimal: _money}
