"""The bytes of a fetched partition as records.

The batches are parsed by aiokafka's C extension. Its own way from there to records cannot go on behind a
header name that is not UTF-8, lets nobody else work in between, and makes data classes of eleven fields.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka.errors import CorruptRecordException
from aiokafka.record import MemoryRecords
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord

from consumer.errors import RecordDamaged
from consumer.kafka.unreadable import LenientBatch, Unreadable, is_readable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from aiokafka import TopicPartition

_SLICE: Final = 1_000
"""Records after which others may work."""

_LENGTH_AT: Final = 8
_LENGTH_END: Final = 12
"""Where a batch has its length, which counts the bytes after that field."""


Headers = tuple[tuple[str, bytes | None], ...]


class LogRecord(NamedTuple):
    """One record; `timestamp` is in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class _Transactions:
    """Which batches of a block are not to be seen.

    Args:
        aborted: producer and first offset of each aborted transaction.
    """

    def __init__(self, aborted: Collection[tuple[int, int]]) -> None:
        self._later = sorted(aborted, key=lambda each: each[1], reverse=True)
        self._aborting: set[int] = set()

    def hide(self, batch: Any) -> bool:
        """Asked of each batch, in order: whether it is a marker, or belongs to an aborted transaction."""
        while self._later and batch.producer_id is not None and self._later[-1][1] <= batch.base_offset:
            self._aborting.add(self._later.pop()[0])
        if not batch.is_control_batch:
            return batch.is_transactional and batch.producer_id in self._aborting
        if batch.producer_id in self._aborting and _is_abort(batch):
            self._aborting.remove(batch.producer_id)
        return True


def _is_abort(batch: Any) -> bool:
    return any(ControlRecord.parse(record.key) == ABORT_MARKER for record in batch)


async def parse(
    topic_partition: TopicPartition, block: bytes, aborted: Collection[tuple[int, int]], first: int
) -> tuple[list[LogRecord | Unreadable], int]:
    """The records from offset `first` on, and the position after them.

    What stands before damaged records is returned; they are the error of the next time.

    Args:
        topic_partition: topic and partition.
        block: whole batches, of which the last may be cut off.
        aborted: producer and first offset of the transactions to leave out.
        first: earlier ones are left out.

    Raises:
        RecordDamaged: there is nothing sound at `first`.
    """
    records: list[LogRecord | Unreadable] = []
    position, rested_at, transactions = first, 0, _Transactions(aborted)
    try:
        for batch, raw in _batches(block):
            if not transactions.hide(batch):
                records += _records(topic_partition, batch, raw, position)
            position = max(position, batch.next_offset)
            if len(records) - rested_at >= _SLICE:
                rested_at = len(records)
                await asyncio.sleep(0)
    except CorruptRecordException as error:
        if position == first:
            raise RecordDamaged(topic_partition.topic, topic_partition.partition, first) from error
    return records, position


def _batches(block: bytes) -> Iterator[tuple[Any, memoryview]]:
    """The batches and the bytes of each; the last one may be cut off, but not the only one."""
    batches, view, at = MemoryRecords(block), memoryview(block), 0
    while batches.has_next():
        end = at + _LENGTH_END + int.from_bytes(view[at + _LENGTH_AT : at + _LENGTH_END], "big")
        batch = batches.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException
        yield batch, view[at:end]
        at = end
    if block and not at:
        raise CorruptRecordException


def _records(
    topic_partition: TopicPartition, batch: Any, raw: memoryview, first: int
) -> list[LogRecord | Unreadable]:
    """Those from offset `first` on: a broker sends whole batches."""
    topic, partition = topic_partition
    found: list[LogRecord | Unreadable] = []
    headers: Headers = ()
    try:
        for r in batch:
            headers = _shared(r.headers, headers)
            found.append(LogRecord(topic, partition, r.offset, r.timestamp, r.key, r.value, headers))
    except UnicodeDecodeError:
        found = [_leniently(topic_partition, record) for record in LenientBatch(bytes(raw))]
    if found and found[0].offset < first:
        return [record for record in found if record.offset >= first]
    return found


def _shared(headers: Sequence[tuple[str, bytes | None]], before: Headers) -> Headers:
    """The headers of a record; what they have in common with those of the record before is kept once.

    All names and most values are the same in the records of a producer. As they are parsed they take half of
    the memory of a record that waits, and the decoder would compare other objects with them each time.
    """
    if len(headers) != len(before):
        return tuple(headers)
    return tuple(
        [
            old if new == old else (old[0], new[1]) if new[0] == old[0] else new
            for new, old in zip(headers, before, strict=True)
        ]
    )


def _leniently(topic_partition: TopicPartition, record: Any) -> LogRecord | Unreadable:
    topic, partition = topic_partition
    if not is_readable(record):
        return Unreadable(topic, partition, record.offset, record.timestamp)
    headers = tuple(record.headers)
    return LogRecord(topic, partition, record.offset, record.timestamp, record.key, record.value, headers)
