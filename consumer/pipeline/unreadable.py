"""Reading what the Kafka client cannot: records with a header name that is not UTF-8.

aiokafka raises at such a record, before it yields the ones after it in the same batch, and would do
so for ever. Here the range is fetched again and parsed with names decoded leniently; the record that
was at fault comes out as `Unreadable`, its neighbours as usual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import NotLeaderForPartitionError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from consumer.pipeline.records import Record

_MAX_BYTES: Final = 8 << 20
_LENGTH_AT: Final = 8
_HEADER_BYTES: Final = 12
_RACK_AWARE_VERSION: Final = 11


class Unreadable(NamedTuple):
    """A record that the client cannot parse: where it stands is all that is passed on."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: None = None
    value: None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class _Lenient(bytearray):
    """Bytes whose slices decode to text with a mark in it, where they are not UTF-8."""

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _LenientSlice(part) if isinstance(index, slice) else part


class _LenientSlice(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002
        return super().decode(encoding, "surrogateescape")


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _Lenient(self._buffer)


class _Batches:
    """The batches of a fetch response, in the shape that aiokafka's PartitionRecords reads."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._at = 0

    def _end(self) -> int:
        length = int.from_bytes(self._block[self._at + _LENGTH_AT : self._at + _HEADER_BYTES], "big")
        return self._at + _HEADER_BYTES + length

    def has_next(self) -> bool:
        return self._at + _HEADER_BYTES <= len(self._block) and self._end() <= len(self._block)

    def next_batch(self) -> _LenientBatch:
        start, self._at = self._at, self._end()
        return _LenientBatch(self._block[start : self._at])


async def read_tolerantly(
    consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int, max_records: int
) -> tuple[list[Record | Unreadable], int]:
    """Up to `max_records` records from `offset`, and the position after them.

    Raises:
        KafkaError: no answer, or not from the partition's leader.
    """
    block, aborted = await _fetch(consumer, tp, offset)
    records = PartitionRecords(
        tp, _Batches(block), aborted, offset, None, None, check_crcs=True, isolation_level=READ_COMMITTED
    )
    found: list[Record | Unreadable] = []
    for record in records:
        found.append(_marked(record))
        if len(found) == max_records:
            break
    return found, records.next_fetch_offset


def _marked(record: Any) -> Record | Unreadable:
    if all(name.isascii() or _is_utf8(name) for name, _ in record.headers):
        return record  # type: ignore[no-any-return]
    return Unreadable(record.topic, record.partition, record.offset, record.timestamp)


def _is_utf8(name: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in name)


async def _fetch(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> tuple[bytes, Any]:
    client = consumer._client
    leader = client.cluster.leader_for_partition(tp)
    if leader is None or leader == -1:
        await client.force_metadata_update()
        raise NotLeaderForPartitionError
    request = FetchRequest(
        500, 1, _MAX_BYTES, READ_COMMITTED, [(tp.topic, [(tp.partition, offset, _MAX_BYTES)])]
    )
    response = await client.send(leader, request)
    (_, ((_, code, _, *parts),)), *_ = response.topics
    error = for_code(code)
    if code:
        raise error
    return parts[-1], parts[2] if response.API_VERSION >= _RACK_AWARE_VERSION else parts[-2]
