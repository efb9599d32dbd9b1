"""Outputs as Kafka record batches: encoded and compressed once, stored in the outbox, sent as they are.

After a crash the same bytes are published, also by another release. Only the producer's id, epoch and
sequence number in the header of a batch are filled in when it is sent.
"""

from __future__ import annotations

import struct
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka.codec import zstd_encode
from aiokafka.record._crc32c import crc as _pure_crc32c
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

try:
    from aiokafka.record._crecords import cutil
except ImportError:  # the service refuses to start without it; the pure one keeps tools usable
    _crc32c = _pure_crc32c
else:
    _crc32c = cutil.crc32c_cython

CODECS: Final = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

BATCH_BYTES: Final = 512 * 1024
"""Uncompressed size at which a batch is closed: below the default limit of every broker, even without
compression."""

_ZSTD_LEVEL: Final = 1
_builders: Final[Any] = sys.modules[DefaultRecordBatchBuilder.__module__]
_MAGIC: Final = 2
_PRODUCER: Final = struct.Struct(">qhi")
_PRODUCER_AT: Final = 43
_CRC: Final = struct.Struct(">I")
_CRC_AT: Final = 17
_CRC_FROM: Final = 21
_FRAME: Final = struct.Struct(">hiii")


class Output(NamedTuple):
    """One record to publish."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp: int
    """Milliseconds since 1970: the time of the command, so that a replay writes the same bytes."""


class RecordBatch(NamedTuple):
    """Records of one partition in Kafka's format, without a producer in the header."""

    topic: str
    partition: int
    records: int
    body: bytes

    def stamped(self, producer_id: int, epoch: int, sequence: int) -> bytearray:
        """The batch with this producer in its header."""
        stamped = bytearray(self.body)
        _PRODUCER.pack_into(stamped, _PRODUCER_AT, producer_id, epoch, sequence)
        _CRC.pack_into(stamped, _CRC_AT, _crc32c(memoryview(stamped)[_CRC_FROM:]))
        return stamped


class BatchWriter:
    """Collects outputs, in order per partition, into record batches."""

    def __init__(self, compression: str) -> None:
        self._compression = compression
        self._codec = CODECS[compression]
        self._open: dict[tuple[str, int], tuple[Any, int]] = {}
        self._closed: list[RecordBatch] = []
        self.bytes = 0
        """Uncompressed size of all records so far."""

    def empty(self) -> BatchWriter:
        """Another one, with the same compression."""
        return BatchWriter(self._compression)

    def add(self, output: Output) -> None:
        """Appends one record to the batch of its topic and partition."""
        topic, partition, key, value, headers, timestamp = output
        target = (topic, partition)
        builder, count = self._open.get(target) or (self._builder(), 0)
        appended = builder.append(count, timestamp, key, value, headers)
        if appended is None:  # full
            self._close(target)
            builder, count = self._builder(), 0
            appended = builder.append(0, timestamp, key, value, headers)
        self.bytes += appended.size
        self._open[target] = (builder, count + 1)

    def finish(self) -> list[RecordBatch]:
        """All batches, complete."""
        for target in list(self._open):
            self._close(target)
        return self._closed

    def _builder(self) -> Any:
        return DefaultRecordBatchBuilder(
            _MAGIC,
            self._codec,
            is_transactional=1,
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=0,
            batch_size=BATCH_BYTES,
        )

    def _close(self, target: tuple[str, int]) -> None:
        builder, count = self._open.pop(target)
        with _fast_zstd():
            body = bytes(builder.build())
        self._closed.append(RecordBatch(*target, count, body))


@contextmanager
def _fast_zstd() -> Iterator[None]:
    """Compresses at level 1: on this JSON a quarter faster than level 3, and not larger.

    The builder takes no level. Only while one of our batches is built, as other producers in the process
    may want the usual one.
    """
    usual = _builders.zstd_encode
    _builders.zstd_encode = partial(zstd_encode, level=_ZSTD_LEVEL)
    try:
        yield
    finally:
        _builders.zstd_encode = usual


def outputs_in(batches: Iterable[RecordBatch]) -> Iterator[Output]:
    """The records of the batches."""
    for batch in batches:
        for record in DefaultRecordBatch(batch.body):
            yield Output(
                batch.topic, batch.partition, record.key, record.value, record.headers, record.timestamp
            )


def pack(batches: Iterable[RecordBatch]) -> bytes:
    """Batches -> the block that is stored in the outbox."""
    parts: list[bytes] = []
    for topic, partition, records, body in batches:
        name = topic.encode()
        parts += (_FRAME.pack(len(name), partition, records, len(body)), name, body)
    return b"".join(parts)


def unpack(block: bytes) -> Iterator[RecordBatch]:
    """The batches of a block, in order."""
    at = 0
    while at < len(block):
        name_length, partition, records, body_length = _FRAME.unpack_from(block, at)
        body_at = at + _FRAME.size + name_length
        topic = block[at + _FRAME.size : body_at].decode()
        at = body_at + body_length
        yield RecordBatch(topic, partition, records, block[body_at:at])
