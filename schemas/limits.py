"""Limits for commands, which producers and the service must agree on."""

from __future__ import annotations

from typing import Final

MAX_COMMAND_BYTES: Final = 256 * 1024
MAX_ACCOUNT_CHARACTERS: Final = 128


def account_of(key: bytes | None) -> str | None:
    """The account id in a record's key; None: the key is not an account id."""
    try:
        account_id = (key or b"").decode()
    except UnicodeDecodeError:
        return None
    if 0 < len(account_id) <= MAX_ACCOUNT_CHARACTERS and account_id.isprintable():
        return account_id
    return None
