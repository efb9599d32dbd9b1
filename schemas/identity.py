"""Identities that a replay computes again: of commands and of events."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import orjson

IDENTITY_BYTES: Final = 16
"""As much of an identity as names a history entry."""

CONTENT_BYTES: Final = 8
"""Enough to tell two commands of one id apart; more would only make every history entry longer."""


def command_identity(account_id: str, source: str, id: str) -> bytes:  # noqa: A002 - the attribute's name
    """SHA-256 of the length-prefixed UTF-8 of what names a command: 32 bytes."""
    account, origin, name = account_id.encode(), source.encode(), id.encode()
    return sha256(b"%d:%b%d:%b%d:%b" % (len(account), account, len(origin), origin, len(name), name)).digest()


def command_content(type_: str, data: Any) -> bytes:
    """What tells two commands under one id apart: a hash of the type and of the data, parsed from JSON.

    Of what the JSON says, not of its bytes, as a relay may write it again: neither the order of the names
    counts nor whether a number is written 1 or 1.0. And not of what the schema makes of it, so that another
    version of the service gets the same.
    """
    text = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    if b".0" in text:
        text = orjson.dumps(_whole(data), option=orjson.OPT_SORT_KEYS)
    return sha256(b"%b\n%b" % (type_.encode(), text)).digest()[:CONTENT_BYTES]


def _whole(value: Any) -> Any:
    """The same with whole numbers as integers."""
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
    """The id of the `ordinal`-th event that the history entry `identity` gave rise to."""
    return sha256(b"%b%b/%d" % (identity, type_.encode(), ordinal)).hexdigest()[:32]
