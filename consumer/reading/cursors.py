"""Cursors: where a page ended, as text that callers hand back and never look into."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import orjson

from consumer.errors import InputRefused
from consumer.storage.queries import EndPlace


def account_cursor(account_id: str) -> str:
    """The cursor of a listing by account id."""
    return _packed(["account", account_id])


def account_after(cursor: str | None) -> str | None:
    """Where a listing by account id goes on."""
    return None if cursor is None else _unpacked(cursor, "account", str)[0]


def end_cursor(place: EndPlace) -> str:
    """The cursor of a listing by end date."""
    return _packed(["end", int(place.end_date.timestamp() * 1000), place.account_id])


def end_after(cursor: str | None) -> EndPlace | None:
    """Where a listing by end date goes on."""
    if cursor is None:
        return None
    milliseconds, account_id = _unpacked(cursor, "end", int, str)
    return EndPlace(datetime.fromtimestamp(milliseconds / 1000, UTC), account_id)


def sequence_cursor(sequence: int) -> str:
    """The cursor of a history."""
    return _packed(["sequence", sequence])


def sequence_after(cursor: str | None) -> int | None:
    """Where a history goes on."""
    return None if cursor is None else _unpacked(cursor, "sequence", int)[0]


def _packed(parts: list[Any]) -> str:
    return urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def _unpacked(cursor: str, kind: str, *types: type) -> list[Any]:
    try:
        found: list[Any] = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        found = []
    if not isinstance(found, list) or [type(part) for part in found[1:]] != list(types) or found[0] != kind:
        raise InputRefused("this is no cursor of this listing", hint="pass `next` of the page before")
    return found[1:]
