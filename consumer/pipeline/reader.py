"""One input partition, as the pipeline reads it. The one file that knows the inside of aiokafka's consumer.

All partitions of a process share one membership of the group; each is read by one task, over a connection
of its own.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, OffsetOutOfRangeError

from consumer.errors import BrokerUnavailable, PositionBeforeLog, PositionBeyondLog, PositionError
from consumer.pipeline.offsets import committed_offset
from consumer.pipeline.unreadable import Unreadable, read_tolerantly
from producers.connection import stop_consumer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiokafka import AIOKafkaConsumer

    from consumer.pipeline.records import Record

ANSWER_SECONDS: Final = 30.0
"""Without a coordinator, a committed offset is asked for again and again."""

SETTLE_SECONDS: Final = 0.3
"""Between two questions for a committed offset that must have become the same."""


class Revoked(Exception):
    """The partition is not assigned to this process any more."""


class Fetched(NamedTuple):
    """Records in order, and the position after them: beyond the last where transaction markers follow."""

    records: Sequence[Record | Unreadable]
    next: int


class PartitionReader:
    """Reads one assigned partition over a connection of its own.

    On one connection partitions wait for each other: aiokafka sends no fetch to a broker while records of
    any of its partitions lie unread, nor while the last fetch waits there for records of the others.

    Args:
        group: the started consumer that holds the membership. It fetches nothing; somebody polls it.
        make_feed: makes an unstarted consumer outside any group.
    """

    def __init__(
        self, group: AIOKafkaConsumer, make_feed: Callable[[], AIOKafkaConsumer], topic: str, partition: int
    ) -> None:
        self._group = group
        self._make_feed = make_feed
        self._tp = TopicPartition(topic, partition)
        self.topic = topic
        self.partition = partition
        self._feed: AIOKafkaConsumer | None = None
        with suppress(IllegalStateError):  # taken away again; whoever reads is told
            group.seek(self._tp, 0)  # a position is only looked up where there is none
            group.pause(self._tp)

    async def open(self) -> None:
        """Connects, in the place of a connection that was opened before. Reads nothing before a `seek`.

        Raises:
            BrokerUnavailable: no broker answers.
            Revoked: not ours any more. Whoever has it now must not be disturbed.
        """
        await self.close()
        self._check_ours()
        feed = self._make_feed()
        feed.assign([self._tp])
        try:
            await feed.start()
        except BaseException as error:
            await stop_consumer(feed)
            if isinstance(error, KafkaError):
                raise BrokerUnavailable(f"cannot fetch {self.topic}/{self.partition}: {error!r}") from error
            raise
        feed.seek(self._tp, 0)
        feed.pause(self._tp)
        self._feed = feed

    async def close(self) -> None:
        """Ends the connection; what was fetched ahead is dropped."""
        feed, self._feed = self._feed, None
        if feed is not None:
            await stop_consumer(feed)

    async def fetch(self, *, max_records: int, timeout_ms: int) -> Fetched:
        """The next records; none when there are none within the time. Cancelling it loses nothing.

        What comes next is fetched ahead only when it is known to be there. Otherwise this asks the broker
        again, and so finds all that came while the last batch was worked on, not only the first of it.

        Raises:
            PositionBeforeLog, PositionBeyondLog: the log has been cut off, at its start or its end.
            Revoked: not ours any more.
        """
        feed = self._opened()
        feed.resume(self._tp)
        before = self._position(feed)
        try:
            found = await feed.getmany(self._tp, timeout_ms=timeout_ms, max_records=max_records)
        except UnicodeDecodeError:
            # The client cannot parse a header name and would fail at this record for ever.
            return await self._step_over(before, max_records)
        except OffsetOutOfRangeError as error:
            raise await self._out_of_range(before) from error
        except KafkaError as error:
            raise BrokerUnavailable(f"cannot fetch {self.topic}/{self.partition}: {error!r}") from error
        fetched = Fetched(found.get(self._tp, ()), self._position(feed))
        if fetched.records and fetched.next >= (self.end() or 0):
            feed.pause(self._tp)
        return fetched

    async def _step_over(self, before: int, max_records: int) -> Fetched:
        self.seek(before)
        try:
            records, position = await read_tolerantly(self._group, self._tp, before, max_records)
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(f"cannot fetch {self.topic}/{self.partition}: {error!r}") from error
        self.seek(position)
        return Fetched(records, position)

    async def _out_of_range(self, position: int) -> PositionError | BrokerUnavailable:
        start, end = await self.bounds()
        if position < start:
            return PositionBeforeLog(self.topic, self.partition, position=position, start=start)
        if position > end:
            return PositionBeyondLog(self.topic, self.partition, position=position, end=end)
        return BrokerUnavailable(
            f"offset {position} of {self.topic}/{self.partition} was not there, and is now"
        )

    def _opened(self) -> AIOKafkaConsumer:
        """The connection, while the partition is ours."""
        self._check_ours()
        if self._feed is None or self._feed._fetcher._fetch_task.done():
            raise BrokerUnavailable(f"the connection for {self.topic}/{self.partition} has ended")
        return self._feed

    def _check_ours(self) -> None:
        if self._tp not in self._group.assignment():
            raise Revoked

    def _position(self, feed: AIOKafkaConsumer) -> int:
        return int(feed._subscription.subscription.assignment.state_value(self._tp).position)

    def seek(self, offset: int) -> None:
        """The next fetch starts here."""
        self._opened().seek(self._tp, offset)

    async def bounds(self) -> tuple[int, int]:
        """First offset of the log, and the one after its last committed record."""
        try:
            first = await self._group.beginning_offsets([self._tp])
            last = await self._group.end_offsets([self._tp])
        except KafkaError as error:
            raise BrokerUnavailable(f"cannot look up offsets of {self._tp}: {error!r}") from error
        return first[self._tp], last[self._tp]

    async def look_for_end(self) -> int | None:
        """The one after the last committed record, asked of the broker; None when it does not answer."""
        with suppress(KafkaError):
            return int((await self._group.end_offsets([self._tp]))[self._tp])
        return None

    async def committed(self) -> int | None:
        """The group's committed offset. Settled only once no earlier publisher can commit."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await committed_offset(self._group, self._tp)
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailable(f"cannot read the committed offset of {self._tp}: {error!r}") from error

    async def settled(self, offset: int | None) -> int | None:
        """The group's committed offset, once two answers in a row are the same; `offset` is the first."""
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            before, offset = offset, await self.committed()
            if offset == before:
                return offset

    def end(self) -> int | None:
        """The one after the last committed record, as of the last fetch."""
        offset = None if self._feed is None else self._feed.last_stable_offset(self._tp)
        return None if offset is None else int(offset)
