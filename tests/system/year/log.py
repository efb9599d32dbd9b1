"""A log in memory whose clock the test sets, and what the service has in the place of its Kafka clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka.record.default_records import DefaultRecordBatch

from consumer.kafka.fetcher import Bounds, Fetched
from consumer.kafka.journal_entries import Progress, entry_of
from consumer.kafka.journal_tail import Tail
from consumer.kafka.patience import Patience
from devstack.proof.records import LogRecord
from schemas.partitioning import murmur2_home
from schemas.topics import COMMANDS, POSITIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from consumer.errors import LogError
    from consumer.kafka.recordbatches import RecordBatch
    from producers.messages import CommandMessage

PARTITIONS = 2


class Log:
    """The command topic, the journal, and what was published since somebody last took it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.records: list[list[LogRecord]] = [[] for _ in range(PARTITIONS)]
        self.news = asyncio.Event()
        self.progress: list[Progress | None] = [None] * PARTITIONS
        self.done = asyncio.Condition()
        self._published: list[LogRecord] = []
        self._outputs = 0

    def append(self, message: CommandMessage) -> LogRecord:
        """Writes a command at `now`."""
        partition = murmur2_home(message.key, PARTITIONS)
        offset = len(self.records[partition])
        time = round(self.now.timestamp() * 1000)
        record = LogRecord(
            COMMANDS, partition, offset, time, message.key, message.value, list(message.headers)
        )
        self.records[partition].append(record)
        self.news.set()
        return record

    async def publish(self, batches: Iterable[RecordBatch]) -> None:
        """A transaction: outputs, and how far they have come."""
        for batch in batches:
            for one in DefaultRecordBatch(bytes(batch.body)):
                if batch.topic == POSITIONS:
                    self._take_progress(batch.partition, entry_of(one.key, one.value))
                    continue
                self._outputs += 1
                place = (batch.topic, batch.partition, self._outputs, one.timestamp)
                self._published.append(LogRecord(*place, one.key, one.value, list(one.headers)))
        async with self.done:
            self.done.notify_all()

    def _take_progress(self, partition: int, entry: Any) -> None:
        if isinstance(entry, Progress):
            self.progress[partition] = entry

    @property
    def published(self) -> list[int]:
        """How far each partition has come."""
        return [0 if entry is None else entry.next for entry in self.progress]

    async def at_rest(self) -> None:
        """Waits until everything in the log is applied and published."""
        async with self.done:
            await self.done.wait_for(lambda: self.published == [len(each) for each in self.records])

    def taken(self) -> list[LogRecord]:
        """What was published since the last call."""
        taken, self._published = self._published, []
        return taken


class Fetcher:
    """In the place of a Fetcher."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.patience = Patience(1.0)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def fetch(self, positions: Mapping[int, int], *, timeout_ms: int) -> dict[int, Fetched]:
        while not (found := dict(self._found(positions))):
            self._log.news.clear()
            await self._log.news.wait()
        return found

    def _found(self, positions: Mapping[int, int]) -> Iterator[tuple[int, Fetched]]:
        for partition, first in positions.items():
            records = self._log.records[partition]
            end = len(records)
            if first < end:
                yield partition, Fetched(first, records[first:], end, end, end)

    async def leaderless(self, partitions: Iterable[int]) -> dict[int, LogError]:
        return {}

    async def bounds(self, partitions: Iterable[int]) -> dict[int, Bounds]:
        ends = {partition: len(self._log.records[partition]) for partition in partitions}
        return {partition: Bounds(0, end, end) for partition, end in ends.items()}


class Journal:
    """In the place of a Journal: nobody else ever writes there."""

    topic = POSITIONS

    def __init__(self, log: Log) -> None:
        self._log = log

    async def out_of_reach(self, partitions: Iterable[int]) -> dict[int, LogError]:
        return {}

    async def read_back(self, mine: Mapping[int, int], worker: str) -> dict[int, Tail]:
        return {partition: Tail(self._log.progress[partition], {}, is_last=True) for partition in mine}


class Publisher:
    """In the place of a Publisher."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.patience = Patience(1.0)

    async def start(self) -> None: ...

    def open(self, partitions: Collection[tuple[str, int]]) -> None: ...

    async def leaderless(self, partitions: Collection[tuple[str, int]]) -> dict[tuple[str, int], LogError]:
        return {}

    async def publish(self, batches: Sequence[RecordBatch], *, patient: bool = False) -> list[int]:
        await self._log.publish(batches)
        return [0] * len(batches)

    async def discard(self) -> None: ...
