"""Ids of commands and events that a replay computes again."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import orjson

IDENTITY_BYTES: Final = 16
"""Number of bytes of an identity that identify a history entry."""

CONTENT_BYTES: Final = 8
"""Enough to distinguish two commands with the same id; more would only make history entries longer."""


def command_identity(account_id: str, source: str, id: str) -> bytes:  # noqa: A002 - the attribute's name
    """SHA-256 of account, source and id, each as length-prefixed UTF-8: 32 bytes."""
    account, origin, name = account_id.encode(), source.encode(), id.encode()
    return sha256(b"%d:%b%d:%b%d:%b" % (len(account), account, len(origin), origin, len(name), name)).digest()


def entry_id(account_id: str, source: str, command_id: str) -> bytes:
    """The id of a command's history entry."""
    return command_identity(account_id, source, command_id)[:IDENTITY_BYTES]


def command_content(type_: str, data: Any) -> bytes:
    """Distinguishes two commands with the same id: a hash of the type and of the data, parsed from JSON.

    It is computed from the parsed values, not the bytes, because a relay may write the JSON again: the order
    of names and the difference between 1 and 1.0 do not matter. It is not computed from the validated data,
    so that another version of the service computes the same.
    """
    text = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    if b".0" in text:
        text = orjson.dumps(_whole(data), option=orjson.OPT_SORT_KEYS)
    return sha256(b"%b\n%b" % (type_.encode(), text)).digest()[:CONTENT_BYTES]


def _whole(value: Any) -> Any:
    """The value, with whole numbers as integers."""
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) < _EXACT else value
        case dict():
            return {name: _whole(inner) for name, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
        case _:
            return value


_EXACT: Final = 2.0**53


def event_id(identity: bytes, type_: str, ordinal: int) -> str:
    """The id of event number `ordinal` of the history entry `identity`."""
    return sha256(b"%b%b/%d" % (identity, type_.encode(), ordinal)).hexdigest()[:32]
