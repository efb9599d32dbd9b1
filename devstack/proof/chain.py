"""The chain of a partition's history: written from docs/tamper-evidence.md, apart from the service.

Here every entry is encoded by itself, and its fields are hashed one after the other.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import bson
from bson import Decimal128

if TYPE_CHECKING:
    from devstack.proof.expected import Entry

DETAILS = ("account_id", "type", "source", "command_id", "requested_by", "changes")
PROVEN = (
    *("partition", "offset", "occurred_at", "outcome", "code"),
    *("contract_id", "version", "content", "number"),
)


class Chains:
    """The number and the hash of the last entry of each partition."""

    def __init__(self) -> None:
        self.heads: dict[int, tuple[int, bytes]] = {}

    def add(self, identity: bytes, entry: Entry) -> Entry:
        """The next entry of its partition, with its number and its hash."""
        number, before = self.heads.get(entry.partition, (0, bytes(32)))
        entry = entry._replace(number=number + 1)
        digest = sha256(before + details_hash(entry))
        digest.update(_element("_id", identity))
        for name in PROVEN:
            digest.update(_element(name, getattr(entry, name)))
        self.heads[entry.partition] = number + 1, digest.digest()
        return entry._replace(chain=digest.digest())


def details_hash(entry: Entry) -> bytes:
    """The hash of what erasing and pruning take away."""
    return sha256(b"".join(_element(name, getattr(entry, name)) for name in DETAILS)).digest()


def _element(name: str, value: Any) -> bytes:
    return b"" if value is None else bson.encode({name: _stored(value)})[4:-1]


def _stored(value: Any) -> Any:
    match value:
        case Decimal():
            return Decimal128(value)
        case dict():
            return {name: _stored(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_stored(inner) for inner in value]
        case _:
            return value
