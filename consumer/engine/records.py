"""What comes out of a partition: records, and what the decoder makes of them."""

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
"""Header on a record that was moved to its key's home: `topic/partition/offset` of where it was found."""


LAST_MILLISECOND: Final = 253_402_300_799_999
"""The end of the year 9999, where calendars end."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Record(Protocol):
    """One record as the Kafka client hands it over; `timestamp` is in milliseconds."""

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

    `content` tells it from another command under the same id.
    """

    command: Command
    spec: CommandSpec
    at: datetime
    envelope: Envelope
    record: Record
    content: bytes


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A record that is no command: a dead letter.

    `path` is a JSON Pointer into the data, or the name of the attribute or header at fault. `errors`
    lists all mistakes of a `schema_violation`. With both `account_id` and `envelope` the command has
    an identity, and its producer is to get a `command_result`.
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
    """A record whose key belongs to partition `home`: to be forwarded there as it is."""

    home: int
    account_id: str
    record: Record


Decoded = Incoming | Undecodable | Misplaced


def forwarded_headers(record: Record) -> list[tuple[str, bytes | None]]:
    """The headers of a misplaced record when it is forwarded: its own, and where it was found."""
    found_at = f"{record.topic}/{record.partition}/{record.offset}"
    return [*record.headers, (FORWARDED_FROM, found_at.encode())]


def record_time(record: Record) -> datetime:
    """When a record was written, exactly; what lies outside the years 1970 to 9999 is moved to their edge.

    Such a record is a dead letter, and dead letters must have a time, too.
    """
    return _moment(min(max(record.timestamp, 0), LAST_MILLISECOND))


@lru_cache(maxsize=1024)
def _moment(milliseconds: int) -> datetime:
    """Remembered, because the records of one produced batch share their time."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
