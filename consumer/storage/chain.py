"""The chain of hashes over a partition's history: it shows what was changed outside the service.

    chain = sha256(chain of the entry before, or 32 zero bytes
                   + sha256(details)
                   + all other fields without hashes)

`details` are the fields that erasing changes and pruning removes. Both leave `details_hash`, the hash of the
details as they were written, so that the chain can still be computed. Fields are hashed as BSON elements, in
the order in which they are stored. `number` counts the entries of the chain, so that a gap shows.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from consumer.storage.documents import CODEC, DETAILS, HASHES, history_document
from consumer.storage.history import Chain
from consumer.storage.mongo_errors import translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from consumer.storage.history import HistoryEntry
    from consumer.storage.protocols import Position

HASH_BYTES: Final = 32
_START: Final = bytes(HASH_BYTES)
_CHAIN: Final = -HASH_BYTES - 1
"""The place of the hash in a new document: at its end, before a zero byte."""
_CHAIN_ELEMENT: Final = _CHAIN - len(b"\x05chain\x00    \x00")
"""The place of the field with the hash: type, name, length and kind come first."""

_LARGEST_INT: Final = (1 << 31) - 1
_NUMBER: Final = b"\x10number\x00"
_LONG_NUMBER: Final = b"\x12number\x00"


def new_chain(start: int) -> Chain:
    """A chain without entries; `start` is the sequence number of its first one."""
    return Chain(start, 0, _START)


def linked(before: bytes, details_hash: bytes, kept: bytes) -> bytes:
    """The hash of an entry, from that of the entry before."""
    return sha256(before + details_hash + kept).digest()


def link(entries: Sequence[HistoryEntry], chain: Chain) -> Chain:
    """Adds new entries to the chain: sets their numbers, hashes and documents.

    Raises:
        PoisonDocument: an entry has a value that cannot be stored.
    """
    for number, entry in enumerate(entries, chain.number + 1):
        entry.number, entry.chain = number, _START  # the hash takes this place in the encoded document
    number, head = chain.number, chain.head
    for entry, document in zip(entries, _encoded([*map(history_document, entries)]), strict=True):
        number += 1
        # The number is the last of the fields that never change. Text before it cannot contain its element,
        # because it has no zero byte.
        element = _NUMBER + number.to_bytes(4, "little")
        if number > _LARGEST_INT:
            element = _LONG_NUMBER + number.to_bytes(8, "little")
        middle = document.index(element) + len(element)
        details_hash = sha256(document[middle:_CHAIN_ELEMENT]).digest()
        entry.chain = head = sha256(head + details_hash + document[4:middle]).digest()
        entry.encoded = document[:_CHAIN] + head + b"\x00"
    return Chain(chain.start, number, head)


def details_hash(entry: HistoryEntry) -> bytes | None:
    """The hash of the details as they were written; None: the entry is in no chain."""
    if entry.chain is None or entry.details_hash is not None:
        return entry.details_hash
    details = {name: value for name, value in history_document(entry).items() if name in DETAILS}
    (document,) = _encoded([details])
    return sha256(document[4:-1]).digest()


def _encoded(documents: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """The documents as BSON: encoded as one list, because calls for each take longer."""
    with translated():
        encoded = bson.encode({"": documents}, codec_options=CODEC)
    at = _LIST_START
    for index in range(len(documents)):
        first = at + len(str(index)) + 2  # after the type and the name of the element
        at = first + int.from_bytes(encoded[first : first + 4], "little")
        yield encoded[first:at]


_LIST_START: Final = 10
"""Before the first element of a list in a document: two lengths, a type, and an empty name."""


class Head(NamedTuple):
    """The hash of an entry, by the number of the entry in its partition's chain."""

    partition: int
    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.partition}:{self.number}:{self.hash.hex()}"


def heads_of(positions: Iterable[Position]) -> list[Head]:
    """The heads of the partitions whose chain has begun."""
    return [
        Head(position.topic_partition[1], position.chain.number, position.chain.head)
        for position in sorted(positions, key=lambda position: position.topic_partition)
        if position.chain is not None
    ]


RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)
"""Documents as they are stored."""


class StoredEntry(NamedTuple):
    """A history entry as it is stored: the elements that are hashed, and the hashes in it.

    `details_hash` None: the details are as they were written.
    """

    document: Mapping[str, Any]
    kept: bytes
    details: bytes
    chain: bytes | None
    details_hash: bytes | None

    @property
    def hash_of_details(self) -> bytes:
        """The hash of the details as they were written."""
        return sha256(self.details).digest() if self.details_hash is None else self.details_hash


def stored_entry(raw: bytes) -> StoredEntry:
    """Divides a stored document.

    Raises:
        ValueError: the service has not written these bytes.
    """
    try:
        document = bson.decode(raw, CODEC)
    except BSONError as error:
        raise ValueError(str(error)) from error
    details, hashes, kept = bytearray(), {name: document.get(name) for name in HASHES}, bytearray()
    for name, element in _divided(raw):
        if name in DETAILS:
            details += element
        elif name not in HASHES:
            kept += element
    return StoredEntry(document, bytes(kept), bytes(details), **hashes)


_FIXED: Final = {0x01: 8, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16}
"""The size of a value, by the type of its element."""
_COUNTED: Final = {0x02: 4, 0x03: 0, 0x04: 0, 0x05: 5}
"""What has to be added to the number at the beginning of a value to get its size."""


def _divided(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The elements of a document with their names."""
    at, end = 4, len(raw) - 1
    while at < end:
        value = raw.index(b"\x00", at) + 1
        kind = raw[at]
        if kind in _FIXED:
            after = value + _FIXED[kind]
        elif kind in _COUNTED:
            after = value + int.from_bytes(raw[value : value + 4], "little") + _COUNTED[kind]
        else:
            raise ValueError(f"elements of type {kind}")
        yield raw[at + 1 : value - 1].decode(), raw[at:after]
        at = after
