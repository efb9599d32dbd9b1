"""Converts MongoDB's Extended JSON, as `mongoexport` writes it, to the form that commands take.

    {"_id": {"$oid": "65f0…"}, "end_date": {"$date": "2027-01-31T00:00:00Z"}, "version": {"$numberInt": "1"}}

Reads relaxed and canonical mode, and the older form in the cells of its tables.
"""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from schemas.places import nodes_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.commands import CommandSpec

JsonPath = tuple[str, ...]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OBJECT_ID: Final = re.compile("[0-9a-fA-F]{24}")
_INT64: Final = range(-(2**63), 2**63)
_UUID_SUBTYPE: Final = 4


def plain(spec: CommandSpec, value: Any, path: JsonPath = ()) -> Any:
    """The value, with objects like {"$oid": …} replaced by text, numbers and aware times.

    Objects stay where the schema takes an object, as in `metadata`. Those that have no plain form or are
    malformed stay, too: the schema refuses them with their path.
    """
    if isinstance(value, list):
        return [plain(spec, inner, (*path, "")) for inner in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and not _takes_objects(spec, path):
        ((name, inner),) = value.items()
        if name in _READERS:
            return _read(name, inner, value)
    return {name: plain(spec, inner, (*path, name)) for name, inner in value.items()}


def _takes_objects(spec: CommandSpec, path: JsonPath) -> bool:
    return any(node.get("type") == "object" for node in nodes_at(spec.type, path))


def _read(name: str, inner: Any, otherwise: Any) -> Any:
    try:
        return _READERS[name](inner)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return otherwise


def _object_id(text: str) -> str:
    if not _OBJECT_ID.fullmatch(text):
        raise ValueError(text)
    return text.lower()


def _date(value: Any) -> datetime:
    if isinstance(value, dict):
        value = _integer(value["$numberLong"])
    if isinstance(value, int) and not isinstance(value, bool):
        return _EPOCH + timedelta(milliseconds=value)
    if value[11:13] > "23":  # Python 3.14 accepts hour 24, earlier versions do not
        raise ValueError(value)
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _integer(text: str) -> int:
    number = int(_text(text))
    if number not in _INT64:
        raise ValueError(text)
    return number


def _binary(value: Mapping[str, str]) -> str:
    if int(value["subType"], 16) != _UUID_SUBTYPE:
        raise ValueError(value["subType"])  # the old UUIDs may be in any of four byte orders
    return str(UUID(bytes=b64decode(value["base64"], validate=True)))


def _text(value: Any) -> str:
    """Numbers and ids are texts in Extended JSON: an object with another value is not Extended JSON."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "$oid": _object_id,
    "$date": _date,
    "$numberInt": _integer,
    "$numberLong": _integer,
    "$numberDouble": lambda text: float(_text(text)),
    "$numberDecimal": lambda text: Decimal(_text(text)),
    "$uuid": lambda text: str(UUID(_text(text))),
    "$binary": _binary,
}
