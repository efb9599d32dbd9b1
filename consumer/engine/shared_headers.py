"""Headers of waiting records: what one has in common with the one before is kept once.

The names of headers, and most of their values, are the same in all records of a producer. As they are parsed
they take half of the memory of a waiting record, and comparing them again, for each command, takes longer
than sharing them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.kafka.parsing import LogRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consumer.engine.records import Record
    from consumer.kafka.unreadable import Unreadable


def with_shared_headers(records: Iterable[Record | Unreadable]) -> list[Record | Unreadable]:
    """Equal records, in the same order."""
    shared: list[Record | Unreadable] = []
    before: tuple[tuple[str, bytes | None], ...] = ()
    for record in records:
        if not isinstance(record, LogRecord):
            shared.append(record)
            continue
        *others, headers = record
        if len(headers) == len(before):
            headers = tuple(
                [
                    old if new == old else (old[0], new[1]) if new[0] == old[0] else new
                    for new, old in zip(headers, before, strict=True)
                ]
            )
        before = headers
        shared.append(LogRecord._make((*others, headers)))
    return shared
