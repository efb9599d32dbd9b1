"""Values of a foreign database, converted to the form that commands have: text, numbers, aware times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from bson import Binary, Decimal128, ObjectId
from bson.binary import UUID_SUBTYPE

from schemas.standard_text import standard_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UUID_BYTES: Final = 16


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def _uuid(value: Binary) -> Any:
    return str(value.as_uuid()) if value.subtype == UUID_SUBTYPE and len(value) == _UUID_BYTES else value


_FORMS: Final[Mapping[type, Callable[[Any], Any]]] = {
    dict: lambda value: {name: readable(inner) for name, inner in value.items()},
    list: lambda value: [readable(inner) for inner in value],
    datetime: _aware,
    ObjectId: str,
    Decimal128: Decimal128.to_decimal,
    Binary: _uuid,
    UUID: str,
}


def readable(value: Any) -> Any:
    """The document, with each MongoDB type that has a standard form converted to it.

    Other values are not changed: the command's schema refuses them and names their path.
    """
    form = _FORMS.get(type(value))
    return form(value) if form else value


def id_text(value: Any) -> str | None:
    """An `_id` in its standard text form, which becomes the contract's id forever; None: it has none.

    A date in RFC 3339. Documents, lists, truth values and whatever only MongoDB knows have none, and a UUID
    of the old binary kind may have any of four.
    """
    return standard_text(readable(value))
