"""Cursors: the end of a page, as opaque text that callers pass to get the next page."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from consumer.errors import InputRefused
from consumer.storage.queries import EndKey

_MOST: Final = (1 << 63) - 1
"""MongoDB can compare no larger number."""


def account_cursor(account_id: str) -> str:
    """The cursor of a listing by account id."""
    return _packed(["account", account_id])


def account_after(cursor: str | None) -> str | None:
    """The account id after which a listing continues."""
    return None if cursor is None else _unpacked(cursor, "account", str)[0]


def end_cursor(last: EndKey) -> str:
    """The cursor of a listing by end date."""
    return _packed(["end", int(last.end_date.timestamp() * 1000), last.account_id])


def end_after(cursor: str | None) -> EndKey | None:
    """The entry after which a listing by end date continues."""
    if cursor is None:
        return None
    milliseconds, account_id = _unpacked(cursor, "end", int, str)
    try:
        return EndKey(datetime.fromtimestamp(milliseconds / 1000, UTC), account_id)
    except (ValueError, OverflowError):  # no such year
        raise _refused() from None


def sequence_cursor(sequence: int) -> str:
    """The cursor of a history."""
    return _packed(["sequence", sequence])


def sequence_after(cursor: str | None) -> int | None:
    """The entry after which a history continues."""
    if cursor is None:
        return None
    (sequence,) = _unpacked(cursor, "sequence", int)
    if abs(sequence) > _MOST:
        raise _refused()
    return int(sequence)


def _refused() -> InputRefused:
    return InputRefused("this is not a cursor of this listing", hint="pass `next` of the previous page")


def _packed(parts: list[Any]) -> str:
    return urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def _unpacked(cursor: str, kind: str, *types: type) -> list[Any]:
    try:
        found: list[Any] = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        found = []
    if not isinstance(found, list) or [type(part) for part in found[1:]] != list(types) or found[0] != kind:
        raise _refused()
    return found[1:]
