"""Published records, and what a shadow would publish: where they belong, and what of them is compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from consumer.operator.differences import MISSING
from schemas.cloudevents import offset_in
from schemas.topics import COMMANDS, DEAD_LETTERS, STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SEQUENCE: Final = "ce_sequence"
DEAD_LETTER_OFFSET: Final = "dlq-offset"
DEAD_LETTER_PARTITION: Final = "dlq-partition"
DEAD_LETTER_TIMESTAMP: Final = "dlq-timestamp"

_NUMBER: Final = re.compile(rb"-?[0-9]{1,19}")


class Lane(NamedTuple):
    """The outputs of one input partition in one topic."""

    topic: str
    partition: int


class Span(NamedTuple):
    """The commands of one input partition that are compared: from offset `since` up to `until`.

    `base` is to be added to offsets to get sequence numbers. `after` is the timestamp of the record before
    `since`: dead letters have no generation, and in an earlier one others had the same offsets.
    """

    base: int
    since: int
    until: int
    after: int = 0


class Foreign(NamedTuple):
    """Records in one partition of a topic that the service has not written, and the offset of the first."""

    records: int
    first: int


class ForeignRecords(dict[tuple[str, int], Foreign]):
    """Those of each topic and partition that has some."""

    def add(self, record: Any) -> None:
        """Counts one more, after those before it."""
        there = record.topic, record.partition
        records, first = self.get(there, Foreign(0, record.offset))
        self[there] = Foreign(records + 1, first)


class Causes:
    """Reads from a record which command made it.

    Args:
        prefix: of the topics' names.
        source: the input partition of a published record that is not a dead letter.
    """

    def __init__(self, prefix: str, source: Callable[[Any], int]) -> None:
        self.commands, self.dead_letters, self.state = (
            prefix + name for name in (COMMANDS, DEAD_LETTERS, STATE)
        )
        self._source = source

    def lane(self, record: Any) -> Lane | None:
        """The lane of a published record; None: nothing in it says which command made it."""
        headers = dict(record.headers)
        if record.topic != self.dead_letters:
            known = offset_in(headers.get(SEQUENCE) or b"") is not None
            return Lane(record.topic, self._source(record)) if known else None
        names = (DEAD_LETTER_PARTITION, DEAD_LETTER_OFFSET, DEAD_LETTER_TIMESTAMP)
        if not all(_NUMBER.fullmatch(headers.get(name) or b"") for name in names):
            return None
        return Lane(record.topic, int(headers[DEAD_LETTER_PARTITION]))

    def sequence(self, record: Any, span: Span) -> str:
        """Its sequence, comparable within its lane."""
        headers = dict(record.headers)
        if record.topic == self.dead_letters:
            return padded(span.base + int(headers[DEAD_LETTER_OFFSET]))
        return text(headers[SEQUENCE])

    def is_earlier(self, record: Any, sequence: str, span: Span) -> bool:
        """Whether its command was before the span, perhaps in an earlier generation."""
        if sequence < padded(span.base + span.since):
            return True
        if record.topic != self.dead_letters:
            return False
        return int(dict(record.headers)[DEAD_LETTER_TIMESTAMP]) < span.after


def raw(record: Any) -> tuple[Any, ...]:
    """What has to be equal."""
    return record.partition, record.key, record.value, tuple(record.headers)


def content(record: Any) -> dict[str, Any]:
    """The same as people read it."""
    return {
        "partition": record.partition,
        "key": text(record.key),
        "headers": {name: text(value) for name, value in record.headers},
        "value": _value(record.value),
    }


def _value(value: bytes | None) -> Mapping[str, Any] | str:
    """A JSON value as its fields, so that a difference has a path, and its bytes."""
    try:
        parsed = orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return text(value)
    return {"json": parsed, "bytes": text(value)}


def text(value: bytes | None) -> str:
    """Bytes of a key or header as text."""
    return MISSING if value is None else value.decode("utf-8", "backslashreplace")


def padded(sequence: int) -> str:
    """A sequence number as text that sorts as the number."""
    return f"{sequence:019d}"
