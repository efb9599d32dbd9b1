"""The log of a partition as brokers store and send it: record batches, with markers among them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from consumer.kafka.recordbatches import RecordBatch
from consumer.kafka.unreadable import Unreadable
from tests.simulation.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.log import Transaction

_CONTROL: Final = 0x20
_ATTRIBUTES: Final = struct.Struct(">h")
_ATTRIBUTES_AT: Final = 21
_NAME: Final = "a header's name"
_OFFSET: Final = struct.Struct(">q")
_MARKER_KEY: Final = struct.Struct(">hh")
_MARKER_VALUE: Final = struct.Struct(">hi")


class WireLog(Log):
    """A log that can be fetched in bytes.

    Args:
        producer_id: of a transactional id.
    """

    def __init__(self, topic: str, partition: int, producer_id: Callable[[str], int]) -> None:
        super().__init__(topic, partition)
        self._producer_id = producer_id
        self._markers: dict[int, Transaction] = {}
        self._ended: list[tuple[Transaction, int, int]] = []
        """Each ended transaction with the offsets of its first record and of its marker."""

    def mark(self, transaction: Transaction) -> None:
        """The marker that ends a transaction here."""
        self._ended.append((transaction, self.open[transaction], self.end))
        self._markers[self.end] = transaction
        super().mark(transaction)

    def aborted(self, first: int) -> list[tuple[int, int]]:
        """Producer and first offset of the aborted transactions that end at `first` or later."""
        return [
            (self._producer_id(transaction.name), began)
            for transaction, began, ended in self._ended
            if not transaction.committed and ended >= first
        ]

    def batches(self, first: int, most: int, *, committed: bool) -> bytes:
        """The batches from `first` on, at most so many."""
        last = min(first + most, self.stable if committed else self.end)
        return b"".join(self._batch(offset) for offset in range(first, last))

    def _batch(self, offset: int) -> bytes:
        entry = self.entries[offset]
        if entry is None:
            return self._marker(offset)
        record, transaction = entry
        if isinstance(record, Unreadable):
            return _at(offset, _unreadable(record))
        producer = -1 if transaction is None else self._producer_id(transaction.name)
        builder = _builder(producer, transactional=transaction is not None)
        builder.append(0, record.timestamp, record.key, record.value, list(record.headers))
        return _at(offset, bytearray(builder.build()))

    def _marker(self, offset: int) -> bytes:
        transaction = self._markers[offset]
        builder = _builder(self._producer_id(transaction.name), transactional=True)
        key = _MARKER_KEY.pack(0, 1 if transaction.committed else 0)
        builder.append(0, self.last_time, key, _MARKER_VALUE.pack(0, 0), [])
        body = bytearray(builder.build())
        (attributes,) = _ATTRIBUTES.unpack_from(body, _ATTRIBUTES_AT)
        _ATTRIBUTES.pack_into(body, _ATTRIBUTES_AT, attributes | _CONTROL)
        producer = int.from_bytes(body[43:51], "big")
        return _at(offset, RecordBatch(self.topic, self.partition, 1, bytes(body)).stamped(producer, 0, -1))


def _builder(producer_id: int, *, transactional: bool) -> Any:
    return DefaultRecordBatchBuilder(
        2,
        0,
        int(transactional),
        producer_id=producer_id,
        producer_epoch=0,
        base_sequence=0,
        batch_size=1 << 20,
    )


def _unreadable(record: Unreadable) -> bytearray:
    """A record with a header name that is not UTF-8, which no builder writes."""
    builder = _builder(-1, transactional=False)
    builder.append(0, record.timestamp, None, None, [(_NAME, None)])
    body = bytes(builder.build()).replace(_NAME.encode(), b"\xff" * len(_NAME))
    return RecordBatch(record.topic, record.partition, 1, body).stamped(-1, -1, -1)


def _at(offset: int, body: bytearray) -> bytes:
    """The batch at this offset of its log, which its checksum does not cover."""
    _OFFSET.pack_into(body, 0, offset)
    return bytes(body)
