"""Kafka as one partition's pipeline sees it: a log, a group's offset, and one transactional id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer.errors import BrokerUnavailable, PublisherFenced, PublishInDoubt
from consumer.pipeline.reader import Fetched, Revoked
from schemas.topics import COMMAND_RESULTS
from tests.pipeline.logs import TOPIC
from tests.pipeline.oracle import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from producers.recordbatches import Headers, Output, RecordBatch
    from tests.pipeline.world import Worker


class Kafka:
    """The brokers' side."""

    def __init__(self, log: list[Any], *, start: int = 0, end: int | None = None) -> None:
        self.log = {record.offset: record for record in log}
        self.start = start
        self.end = (log[-1].offset + 1 if log else start) if end is None else end
        self.committed: int | None = None
        self.tells: Callable[[int | None], int | None] = lambda committed: committed
        """What the coordinator makes of it."""
        self.published: list[Output] = []
        self.transactions: list[tuple[int | None, int]] = []
        self.epoch = 0
        self._undecided: tuple[list[Output], int] | None = None

    @property
    def finished(self) -> bool:
        return self.committed is not None and all(offset < self.committed for offset in self.log)

    def begin(self, *, commit: bool) -> int:
        """A producer starts: the open transaction of the one before is settled, one way or the other."""
        if self._undecided is not None and commit:
            self.commit(*self._undecided)
        self._undecided = None
        self.epoch += 1
        return self.epoch

    def commit(self, outputs: list[Output], offset: int) -> None:
        self.transactions.append((self.committed, offset))
        self.published += outputs
        self.committed = offset

    def answered(self) -> Headers | None:
        """The headers of the last answer."""
        answers = [output for output in self.published if output.topic == COMMAND_RESULTS]
        return tuple(answers[-1].headers) if answers else None

    def leave_open(self, outputs: list[Output], offset: int) -> None:
        self._undecided = (outputs, offset)


class FakeReader:
    """In the place of a PartitionReader."""

    topic = TOPIC
    partition = 0

    def __init__(self, kafka: Kafka, worker: Worker) -> None:
        self._kafka = kafka
        self._worker = worker
        self._next: int | None = None
        self.revoked = False

    def _check(self) -> None:
        if self.revoked:
            raise Revoked

    async def fetch(self, *, max_records: int, timeout_ms: int) -> Fetched:
        self._check()
        assert self._next is not None, "fetched before the first seek"
        await self._worker.turn("fetch")
        self._check()
        limit = min(max_records, self._worker.number(1, 7))
        offsets = sorted(offset for offset in self._kafka.log if offset >= self._next)
        taken, after = offsets[:limit], offsets[limit:]
        if taken:
            # Behind the last one, or behind the transaction markers that follow it.
            behind = after[0] if after else self._kafka.end
            self._next = self._worker.number(taken[-1] + 1, behind)
        else:
            self._next = max(self._next, self._kafka.end)
            self._worker.idle()
        return Fetched([self._kafka.log[offset] for offset in taken], self._next)

    def seek(self, offset: int) -> None:
        self._check()
        self._next = offset

    async def open(self) -> None:
        self._check()
        self._next = None
        await self._worker.turn("connect")

    async def close(self) -> None:
        self._next = None

    async def bounds(self) -> tuple[int, int]:
        await self._worker.turn("bounds")
        return self._kafka.start, self._kafka.end

    async def committed(self) -> int | None:
        await self._worker.turn("offset")
        return self._kafka.tells(self._kafka.committed)

    async def settled(self, offset: int | None) -> int | None:
        while (again := await self.committed()) != offset:
            offset = again
        return offset

    def end(self) -> int | None:
        return self._kafka.end


class FakeResults:
    """In the place of a ResultLog."""

    def __init__(self, kafka: Kafka, worker: Worker) -> None:
        self._kafka = kafka
        self._worker = worker

    async def last(self) -> Headers | None:
        await self._worker.turn("answers")
        return self._kafka.answered()


class FakePublisher:
    """In the place of a Publisher."""

    def __init__(self, kafka: Kafka, worker: Worker) -> None:
        self._kafka = kafka
        self._worker = worker
        self._epoch: int | None = None

    async def start(self) -> None:
        self._epoch = None
        await self._worker.turn("start")
        self._epoch = self._kafka.begin(commit=bool(self._worker.number(0, 1)))
        try:
            await self._worker.turn("started")
        except BrokerUnavailable:
            self._epoch = None
            raise

    async def publish(self, batches: list[RecordBatch], offset: int) -> None:
        assert self._epoch is not None, "published without a fresh producer"
        epoch, self._epoch = self._epoch, None  # whatever goes wrong: never again with this one
        await self._worker.turn("publish")
        self._check(epoch)
        outputs = read(batches)
        try:
            await self._worker.turn("connect")
        except PublishInDoubt:
            self._kafka.leave_open(outputs, offset)
            raise
        self._check(epoch)
        self._kafka.commit(outputs, offset)
        await self._worker.turn("published")
        self._epoch = epoch

    def _check(self, epoch: int) -> None:
        if epoch != self._kafka.epoch:
            raise PublisherFenced("a newer producer has the transactional id")

    async def discard(self) -> None:
        self._epoch = None
