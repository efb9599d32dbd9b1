"""The waiting records of a partition: fetched, and the first ones also decoded."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from consumer.engine.records import Undecodable, bytes_in
from consumer.kafka.unreadable import Unreadable

if TYPE_CHECKING:
    from consumer.engine.decoder import Decoder
    from consumer.engine.records import Decoded, Record
    from consumer.kafka.fetcher import Fetched


class Intake:
    """The waiting records of one partition, in log order.

    Attributes:
        next: the offset to fetch next: after the last record and the transaction markers that follow it.
        bytes: of the waiting records, as fetched.
    """

    def __init__(self, decoder: Decoder, position: int) -> None:
        self.next = position
        self.bytes = 0
        self._decoder = decoder
        self._records: deque[Record | Unreadable] = deque()
        self._decoded: deque[Decoded] = deque()
        self._sizes: deque[int] = deque()

    @property
    def waiting(self) -> int:
        """Number of waiting records."""
        return len(self._records) + len(self._decoded)

    @property
    def oldest(self) -> int | None:
        """Timestamp of the first waiting record, in milliseconds; None: nothing waits."""
        if self._decoded:
            return self._decoded[0].record.timestamp
        return self._records[0].timestamp if self._records else None

    def add(self, fetched: Fetched) -> bool:
        """Appends fetched records; False: requested before the position changed, so they are dropped."""
        if fetched.first != self.next:
            return False
        sizes = [bytes_in(record) for record in fetched.records]
        self._records.extend(fetched.records)
        self._sizes.extend(sizes)
        self.bytes += sum(sizes)
        self.next = fetched.next
        return True

    def cut(self, most_bytes: int) -> None:
        """Drops the last records until at most `most_bytes` wait: they are fetched again later.

        The first record stays, however large it is, and so do those that are decoded.
        """
        while self.bytes > most_bytes and self._records and self.waiting > 1:
            self.next = self._records.pop().offset
            self.bytes -= self._sizes.pop()

    async def decode(self, count: int, slice_size: int) -> None:
        """Decodes until `count` records are ready, with a pause for other tasks after each slice."""
        decoded, records = self._decoded, self._records
        while records and len(decoded) < count:
            decoded.append(self._decode(records.popleft()))
            if len(decoded) % slice_size == 0:
                await asyncio.sleep(0)

    def take(self, count: int, up_to: int | None) -> tuple[list[Decoded], int]:
        """The first `count` decoded records, all before `up_to`, and the position after them.

        During a replay of a restored database, a batch ends exactly where publishing begins.
        """
        taken: list[Decoded] = []
        for decoded in self._decoded:
            offset = decoded.record.offset
            if up_to is not None and offset >= up_to:
                return taken, up_to
            if len(taken) == count:
                return taken, offset
            taken.append(decoded)
        after = self._records[0].offset if self._records else self.next
        return taken, after if up_to is None else min(after, up_to)

    def done(self, count: int) -> list[Decoded]:
        """Removes the first `count` records, which are applied, and returns them."""
        self.bytes -= sum(self._sizes.popleft() for _ in range(count))
        return [self._decoded.popleft() for _ in range(count)]

    def replace_first(self, decoded: Decoded) -> None:
        """Replaces the first record."""
        self._decoded[0] = decoded

    def _decode(self, record: Record | Unreadable) -> Decoded:
        if isinstance(record, Unreadable):
            return Undecodable("unreadable", "the client cannot parse this record", "", record)
        return self._decoder.decode(record)
