"""Accepts only JSON that means the same to every reader (RFC 8259, I-JSON).

There are no duplicate keys, no NaN and no lone surrogates. orjson refuses all of these except duplicate
keys, of which it keeps the last. It also does not limit the depth.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 64
_SHOWN_NAME: Final = 64
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_TO_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True, slots=True)
class NotJson:
    """Why some bytes are not accepted as JSON. `message` never quotes a value."""

    message: str


def parse(raw: bytes) -> Any | NotJson:
    """The parsed JSON, or why it is refused. Never raises."""
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return NotJson(f"is not JSON: {error}")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _is_too_deep(raw):
        return NotJson(f"is nested deeper than {MAX_DEPTH} levels")
    # A dropped duplicate removes at least its own colon, and only an escaped colon (\u003a), which orjson
    # writes as a plain one, could add one. So equal numbers of colons prove that nothing was dropped.
    # Searching for one byte first is six times faster, and most texts have no escapes.
    escaped = b"\\" in raw and b"\\u003" in raw
    if not escaped and raw.count(b":") == orjson.dumps(parsed).count(b":"):
        return parsed
    repeated = _repeated_key(raw)
    return parsed if repeated is None else NotJson(f"gives `{repeated[:_SHOWN_NAME]}` twice in one object")


def _is_too_deep(raw: bytes) -> bool:
    """Whether a JSON text is nested deeper than MAX_DEPTH.

    This looks at the text, because a deep value may be under a duplicate key that the parser dropped.
    """
    brackets = _STRING.sub(b"", raw).translate(_TO_SQUARE, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")  # removes one level, the innermost
    return bool(brackets)


def _repeated_key(raw: bytes) -> str | None:
    """The first key, from the inside out, that occurs twice in one object of a JSON text."""
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            repeated.append(next(name for place, name in enumerate(names) if name in names[:place]))

    json.loads(raw.decode(), object_pairs_hook=note)
    return repeated[0] if repeated else None
