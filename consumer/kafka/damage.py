"""Damaged batches: how long they are read again, and where one ends.

The end is known if the header and the following bytes are plausible.

The checksum of a batch does not cover its first offset and its length. It covers the count of records, from
which the last offset is computed. So none of the three is trusted without a second proof.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from aiokafka.record import MemoryRecords

REREAD_SECONDS: Final = 10.0
"""How long a takeover reads damaged records again, in seconds: another replica may be intact."""

DAMAGE_PAUSE_SECONDS: Final = 0.5
"""Pause between two tries: the broker would send them again without any delay."""

_BATCH: Final = Struct(">qiibIhi")
"""First offset, length of what follows, leader epoch, magic, checksum, attributes, last offset's distance."""

_LENGTH_END: Final = 12
_MAGIC: Final = 2


def offset_after(block: bytes, stable: int) -> int | None:
    """The offset after the first batch of a block; None: it is not known.

    It is known if the next batch begins at this offset, or is intact; or if the log ends at this offset.

    Args:
        block: as fetched; the last batch may be cut off.
        stable: the last stable offset.
    """
    header = _header(block, 0)
    if header is None:
        return None
    first, length, distance = header
    claimed = first + distance + 1
    following = _header(block, _LENGTH_END + length)
    if following is None:
        return claimed if claimed == stable else None
    after = following[0]
    if first < after < stable and (after == claimed or _is_sound(block[_LENGTH_END + length :])):
        return after
    return None


def _header(block: bytes, at: int) -> tuple[int, int, int] | None:
    if at < 0 or len(block) < at + _BATCH.size:
        return None
    first, length, _, magic, _, _, distance = _BATCH.unpack_from(block, at)
    return (first, length, distance) if magic == _MAGIC and length > 0 else None


def _is_sound(block: bytes) -> bool:
    batches = MemoryRecords(block)
    return bool(batches.has_next() and batches.next_batch().validate_crc())
