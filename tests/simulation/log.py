"""The log of one partition, with transactions in it."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.unit.engine.logs import START


class Transaction:
    """One transaction, from its first record to its last marker."""

    __slots__ = ("committed", "ended", "logs", "name", "timer")

    def __init__(self, name: str, timer: asyncio.TimerHandle) -> None:
        self.name = name
        self.logs: dict[Log, None] = {}
        self.committed: bool | None = None
        """None: nobody has decided yet."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.timer = timer


class Log:
    """One partition of a topic. A None among the entries is a transaction's marker."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.entries: list[tuple[Any, Transaction | None] | None] = []
        self.open: dict[Transaction, int] = {}
        """First offset of each transaction without a marker."""
        self.last_time = START
        self.damaged: set[int] = set()
        """Offsets of records whose checksum is wrong."""

    @property
    def end(self) -> int:
        """The high watermark."""
        return len(self.entries)

    @property
    def stable(self) -> int:
        """The last stable offset."""
        return min(self.open.values()) if self.open else len(self.entries)

    def append(self, record: Any, transaction: Transaction | None = None) -> int:
        """Appends a record, or a batch in a topic that nobody reads before the end."""
        offset = len(self.entries)
        if transaction is not None:
            self.open.setdefault(transaction, offset)
            transaction.logs[self] = None
        self.entries.append((record, transaction))
        return offset

    def mark(self, transaction: Transaction) -> None:
        """The marker that ends a transaction here."""
        del self.open[transaction]
        self.entries.append(None)

    def visible(self, first: int = 0) -> list[Any]:
        """What is committed from here on."""
        return [
            entry[0]
            for entry in self.entries[first : self.stable]
            if entry is not None and (entry[1] is None or entry[1].committed)
        ]

    def read(self, first: int, most: int, *, committed: bool, beyond: bool) -> tuple[list[Any], int]:
        """At most so many records from `first` on, and the position after them.

        Args:
            beyond: whether the answer holds the markers and aborted records that follow them, too.
        """
        records: list[Any] = []
        following = first
        for offset in range(first, self.stable if committed else self.end):
            if offset in self.damaged:
                break
            entry = self.entries[offset]
            shown = entry is not None and (not committed or entry[1] is None or entry[1].committed)
            if shown and len(records) == most:
                break
            if shown and entry is not None:
                records.append(entry[0])
            if shown or beyond or not records:
                following = offset + 1
        return records, following
