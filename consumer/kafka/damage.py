"""How far a damaged batch reaches, as far as its own header and what follows it can be believed.

The checksum covers neither the first offset of a batch nor its length, but it does cover the count from which
its last offset follows. So none of the three is taken on its own word.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from aiokafka.record import MemoryRecords

_BATCH: Final = Struct(">qiibIhi")
"""First offset, length of what follows, leader epoch, magic, checksum, attributes, last offset's distance."""

_LENGTH_END: Final = 12
_MAGIC: Final = 2


def offset_after(block: bytes, stable: int) -> int | None:
    """The offset after the batch with which a block begins; None: it cannot be told.

    Either the next batch begins where this one says that it ends, or is sound; or this one says that it ends
    where the log does.

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
