"""Computes the home partition of a key, in the same way as the Kafka client libraries."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Final, Literal
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable

PartitionerName = Literal["murmur2", "crc32"]

_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF
_WORDS: Final = tuple(Struct(f"<{count}I") for count in range(129))
"""Readers for the 32-bit words of a key: account ids of 128 four-byte characters have 128 of them."""


def murmur2(key: bytes) -> int:
    """Kafka's 32-bit MurmurHash2 (`org.apache.kafka.common.utils.Utils.murmur2`), unsigned."""
    length = len(key)
    count = length >> 2
    words = _WORDS[count] if count < len(_WORDS) else Struct(f"<{count}I")
    state = _SEED ^ length
    for word in words.unpack_from(key):
        mixed = word * _MULTIPLIER & _WORD
        state = (state * _MULTIPLIER & _WORD) ^ ((mixed ^ mixed >> 24) * _MULTIPLIER & _WORD)
    if length & 3:
        state = (state ^ int.from_bytes(key[length & ~3 :], "little")) * _MULTIPLIER & _WORD
    state = (state ^ state >> 13) * _MULTIPLIER & _WORD
    return state ^ state >> 15


@lru_cache(maxsize=1 << 16)  # takes 6 µs, and the same accounts appear often
def murmur2_home(key: bytes, partitions: int) -> int:
    """The partition that Java clients and aiokafka choose, and librdkafka with `murmur2_random`."""
    return (murmur2(key) & _POSITIVE) % partitions


def crc32_home(key: bytes, partitions: int) -> int:
    """The partition that librdkafka chooses by default (`consistent_random`)."""
    return crc32(key) % partitions


HOMES: Final[dict[PartitionerName, Callable[[bytes, int], int]]] = {
    "murmur2": murmur2_home,
    "crc32": crc32_home,
}
