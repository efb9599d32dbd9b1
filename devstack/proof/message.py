"""A record to produce, and through which producer."""

from datetime import datetime
from typing import Literal, NamedTuple

Via = Literal["murmur2", "crc32", "unreadable"]


class Message(NamedTuple):
    """One record to produce. `via` is the producer; a `partition` overrules its partitioner."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    via: Via = "murmur2"
    partition: int | None = None


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
