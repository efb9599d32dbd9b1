"""Stored documents for other programs: their fields, and as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import bson
import orjson

from consumer.storage.documents import CODEC


def fields_of(document: bytes) -> dict[str, Any]:
    """The fields of a stored document, money as decimals."""
    fields: dict[str, Any] = bson.decode(document, CODEC)
    return fields


def as_json(value: Any) -> str:
    """JSON: times in RFC 3339 UTC, money as numbers, ids and hashes in hexadecimal digits."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.hex() if isinstance(value, bytes) else str(value)
