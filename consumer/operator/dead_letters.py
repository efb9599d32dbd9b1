"""Reads dead letters, and the records that they were copied from.

A redrive is noted in MongoDB before the record is sent, so that it is not sent twice by mistake. To send it
twice does no harm: the second is a duplicate, or the same dead letter again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Self

from consumer.errors import InputRefused
from consumer.kafka.tail import tail
from schemas.topics import COMMANDS, DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from consumer.settings import Settings

PREFIX: Final = "dlq-"
REDRIVEN_HEADER: Final = "contracts-replayed-from"
"""Header of a redriven record: the id of its dead letter. A dead letter with this header came back."""

UNREADABLE: Final = "unreadable"
_ID: Final = re.compile(r"(\d{1,9})/(\d{1,18})")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter.

    `headers` are those of the original record; `reason` and `message` say why it is not a command.
    """

    partition: int
    offset: int
    time: datetime
    reason: str
    message: str
    path: str
    source: str
    """Topic/partition/offset of the original record."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value_hash: str | None = None
    """The value was too large to be copied: it is still at `source`."""

    @classmethod
    def of(cls, record: Any) -> Self:
        """Reads a record of the dead-letter topic."""
        added = {name[4:]: (content or b"").decode() for name, content in record.headers if _is_added(name)}
        return cls(
            partition=record.partition,
            offset=record.offset,
            time=datetime.fromtimestamp(record.timestamp / 1000, UTC),
            reason=added["reason"],
            message=added["message"],
            path=added["path"],
            source=f"{added['topic']}/{added['partition']}/{added['offset']}",
            key=record.key,
            value=record.value,
            headers=tuple(header for header in record.headers if not _is_added(header[0])),
            value_hash=added.get("value-sha256"),
        )

    @property
    def id(self) -> str:
        """Partition and offset in the dead-letter topic: `3/17`."""
        return f"{self.partition}/{self.offset}"

    @property
    def producer(self) -> str | None:
        """Who sent it, as its `ce_source` says; None: it has none that is text."""
        return self.header("ce_source")

    def header(self, name: str) -> str | None:
        """A header of the record as text; None: it is not there, or no text."""
        content = dict(self.headers).get(name)
        try:
            return None if content is None else content.decode()
        except UnicodeDecodeError:
            return None

    @property
    def came_back(self) -> bool:
        """Whether it was redriven before, and is still not a valid command."""
        return any(name == REDRIVEN_HEADER for name, _ in self.headers)


def _is_added(header: str) -> bool:
    return header.startswith(PREFIX)


@dataclass(frozen=True, slots=True)
class LetterQuery:
    """A filter for dead letters; empty sets and None: all."""

    reasons: frozenset[str] = frozenset()
    key: str | None = None
    ids: frozenset[str] = frozenset()
    since: datetime | None = None

    def __post_init__(self) -> None:
        for id_ in self.ids:
            if not _ID.fullmatch(id_):
                raise InputRefused(
                    f"{id_} is not the id of a dead letter: must be PARTITION/OFFSET, such as 3/17"
                )

    def wants(self, letter: DeadLetter) -> bool:
        """Whether a dead letter matches."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (self.key is None or letter.key == self.key.encode())
            and (not self.ids or letter.id in self.ids)
        )


async def dead_letters(settings: Settings, query: LetterQuery) -> AsyncIterator[DeadLetter]:
    """The dead letters of a query, up to the present end of the topic, in order of time.

    Raises:
        TopicsMissing, BrokerUnavailable, BrokerDenied: they cannot be read.
    """
    async with tail(settings, [DEAD_LETTERS]) as reader:
        await reader.seek(query.since)
        async for record in reader.to_end():
            letter = DeadLetter.of(record)
            if query.wants(letter):
                yield letter


async def dead_letter(settings: Settings, id_: str) -> DeadLetter:
    """One by its id.

    Raises:
        InputRefused: there is none.
    """
    query = LetterQuery(ids=frozenset({id_}))
    partition, offset = map(int, id_.split("/"))
    async with tail(settings, [DEAD_LETTERS]) as reader:
        record = await reader.at(settings.topic_prefix + DEAD_LETTERS, partition, offset)
    if record is None or not query.wants(letter := DeadLetter.of(record)):
        raise InputRefused(
            f"there is no dead letter {id_}", hint="`contracts dead-letters list` shows their ids"
        )
    return letter


async def original(settings: Settings, letter: DeadLetter) -> tuple[bytes | None, tuple[Any, ...]]:
    """Value and headers of the original record; if it was too large to be copied, from the log.

    Raises:
        InputRefused: it is no longer in the log, or its headers were never readable.
    """
    if letter.reason == UNREADABLE:
        raise InputRefused("its headers cannot be read: the producer must send it again")
    if letter.value_hash is None:
        return letter.value, letter.headers
    topic, partition, offset = letter.source.rsplit("/", 2)
    async with tail(settings, [COMMANDS]) as reader:
        record = await reader.at(topic, int(partition), int(offset))
    if record is None or sha256(record.value or b"").hexdigest() != letter.value_hash:
        raise InputRefused(f"the record at {letter.source} is not the one that it was")
    return record.value, tuple(record.headers)
