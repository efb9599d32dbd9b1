"""Reads records that the Kafka client cannot parse: with a header name that is not UTF-8.

aiokafka raises at such a record, and does not return the ones after it in the same batch. Here names are
decoded leniently, so that only the record with the invalid name is refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from aiokafka.record.default_records import _DefaultRecordBatchPy


class Unreadable(NamedTuple):
    """A record that the client cannot parse: only its offset is known."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: None = None
    value: None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class _Lenient(bytearray):
    """Bytes whose slices decode to text, with a mark if they are not UTF-8."""

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _LenientSlice(part) if isinstance(index, slice) else part


class _LenientSlice(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002
        return super().decode(encoding, "surrogateescape")


class LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """The records of a batch, given all of its bytes; slower than the client's own."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _Lenient(self._buffer)


def is_readable(record: Any) -> bool:
    """Whether all header names of a record of a LenientBatch are UTF-8."""
    return all(name.isascii() or _is_utf8(name) for name, _ in record.headers)


def _is_utf8(name: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in name)
