"""Identities that a replay computes again: of commands and of events."""

from __future__ import annotations

from hashlib import sha256


def command_identity(account_id: str, source: str, id: str) -> bytes:  # noqa: A002 - the attribute's name
    """SHA-256 of the length-prefixed UTF-8 of what names a command: 32 bytes."""
    account, origin, name = account_id.encode(), source.encode(), id.encode()
    return sha256(b"%d:%b%d:%b%d:%b" % (len(account), account, len(origin), origin, len(name), name)).digest()


def event_id(identity: bytes, type_: str, ordinal: int) -> str:
    """The id of the `ordinal`-th event that the history entry `identity` gave rise to."""
    return sha256(b"%b%b/%d" % (identity, type_.encode(), ordinal)).hexdigest()[:32]
