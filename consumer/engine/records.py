"""Records of a partition, and the results of decoding them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.domain.model import Command
    from schemas.cloudevents import Envelope
    from schemas.commands import CommandSpec
    from schemas.events import DeadLetterCode, FieldError

FORWARDED_FROM: Final = "contracts-forwarded-from"
"""Header on a record that was forwarded to its key's home: `topic/partition/offset` of where it was found."""


LAST_MILLISECOND: Final = 253_402_300_799_999
"""The end of the year 9999, the last that can be stored."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Record(Protocol):
    """One record as the Kafka client returns it; `timestamp` is in milliseconds."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...  # noqa: D102


class Incoming(NamedTuple):
    """A valid command. `at` is the record's time in UTC: the command's `now`.

    `content` distinguishes it from another command with the same id.
    """

    command: Command
    spec: CommandSpec
    at: datetime
    envelope: Envelope
    record: Record
    content: bytes


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A record that is not a command: a dead letter.

    `path` is a JSON Pointer into the data, or the name of the attribute or header at fault. `errors`
    lists all mistakes of a `schema_violation`. With `account_id` and `envelope` the record has an identity,
    and its producer gets a `command_result`.
    """

    code: DeadLetterCode
    message: str
    path: str
    record: Record
    envelope: Envelope | None = None
    account_id: str | None = None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A record whose key belongs to partition `home`: it is forwarded there unchanged."""

    home: int
    account_id: str
    record: Record


Decoded = Incoming | Undecodable | Misplaced


def bytes_in(record: Record) -> int:
    """Bytes of key, value and headers, at most: names of headers are text, and count four a character."""
    size = len(record.key or b"") + len(record.value or b"")
    for name, value in record.headers:
        size += len(name) * 4 + len(value or b"")
    return size


def forwarded_headers(record: Record) -> list[tuple[str, bytes | None]]:
    """The headers of a forwarded record: its own, and one with the offset where it was found."""
    found_at = f"{record.topic}/{record.partition}/{record.offset}"
    return [*record.headers, (FORWARDED_FROM, found_at.encode())]


def record_time(record: Record) -> datetime:
    """When a record was written, exactly; what lies outside the years 1970 to 9999 counts as their edge.

    Such a record is a dead letter, and dead letters must have a time, too.
    """
    return _moment(min(max(record.timestamp, 0), LAST_MILLISECOND))


@lru_cache(maxsize=1024)
def _moment(milliseconds: int) -> datetime:
    """Cached, because the records of one produced batch have the same time."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
