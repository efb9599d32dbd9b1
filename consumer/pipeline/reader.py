"""One input partition, as the pipeline reads it. The one file that knows the inside of aiokafka's consumer.

All partitions of a process share one consumer and so one group membership; each is read by one task.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from consumer.errors import BrokerUnavailable, PositionBeforeLog
from consumer.pipeline.unreadable import Unreadable, read_tolerantly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import AIOKafkaConsumer

    from consumer.pipeline.records import Record

ANSWER_SECONDS: Final = 30.0
"""Without a coordinator, aiokafka asks for a committed offset for ever."""

SETTLE_SECONDS: Final = 0.3
"""Between two questions for a committed offset that must have become the same."""


class Revoked(Exception):
    """The partition is not assigned to this process any more."""


class Fetched(NamedTuple):
    """Records in order, and the position after them: beyond the last where transaction markers follow."""

    records: Sequence[Record | Unreadable]
    next: int


class PartitionReader:
    """Reads one assigned partition of the shared consumer."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, partition: int) -> None:
        self._consumer = consumer
        self._tp = TopicPartition(topic, partition)
        self.topic = topic
        self.partition = partition

    async def fetch(self, *, max_records: int, timeout_ms: int) -> Fetched:
        """The next records; none when there are none within the time. Cancelling it loses nothing.

        Raises:
            PositionBeforeLog: the log has been cut off below the position.
            Revoked: not ours any more.
        """
        before = await self._position()
        try:
            found = await self._consumer.getmany(self._tp, timeout_ms=timeout_ms, max_records=max_records)
        except UnicodeDecodeError:
            # The client cannot parse a header name and would fail at this record for ever.
            return await self._step_over(before, max_records)
        except OffsetOutOfRangeError as error:
            start, _ = await self.bounds()
            raise PositionBeforeLog(self.topic, self.partition, position=before, start=start) from error
        except NoOffsetForPartitionError:
            return Fetched((), before)  # stored before our seek; it is gone with this call
        except KafkaError as error:
            raise BrokerUnavailable(f"cannot fetch {self.topic}/{self.partition}: {error!r}") from error
        return Fetched(found.get(self._tp, ()), await self._position())

    async def _step_over(self, before: int, max_records: int) -> Fetched:
        self.seek(before)
        try:
            records, position = await read_tolerantly(self._consumer, self._tp, before, max_records)
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(f"cannot fetch {self.topic}/{self.partition}: {error!r}") from error
        self.seek(position)
        return Fetched(records, position)

    async def _position(self) -> int:
        state = self._state()
        if not state.has_valid_position:
            raise Revoked
        return int(state.position)

    def _state(self) -> Any:
        assignment = self._consumer._subscription.subscription.assignment
        if assignment is None or self._tp not in assignment.tps:
            raise Revoked
        return assignment.state_value(self._tp)

    def seek(self, offset: int) -> None:
        """The next fetch starts here."""
        try:
            self._consumer.seek(self._tp, offset)
        except IllegalStateError as error:
            raise Revoked from error

    def pause(self) -> None:
        """Fetches nothing until `unpause`, while the membership stays alive."""
        try:
            self._consumer.pause(self._tp)
        except IllegalStateError as error:
            raise Revoked from error

    def unpause(self) -> None:
        """Fetches again."""
        try:
            self._consumer.resume(self._tp)
        except IllegalStateError as error:
            raise Revoked from error

    async def keep_alive(self, seconds: float) -> None:
        """Waits as a poll of the paused partition: otherwise the group would throw this member out."""
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(seconds))
            group.create_task(self._poll(seconds))

    async def _poll(self, seconds: float) -> None:
        with suppress(KafkaError, UnicodeDecodeError):
            await self._consumer.getmany(self._tp, timeout_ms=int(seconds * 1000))

    async def bounds(self) -> tuple[int, int]:
        """First offset of the log, and the one after its last committed record."""
        try:
            first = await self._consumer.beginning_offsets([self._tp])
            last = await self._consumer.end_offsets([self._tp])
        except KafkaError as error:
            raise BrokerUnavailable(f"cannot look up offsets of {self._tp}: {error!r}") from error
        return first[self._tp], last[self._tp]

    async def look_for_end(self) -> int | None:
        """The one after the last committed record, asked of the broker; None when it does not answer."""
        with suppress(KafkaError):
            return int((await self._consumer.end_offsets([self._tp]))[self._tp])
        return None

    async def committed(self) -> int | None:
        """The group's committed offset. Settled only once no earlier publisher can commit."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                offset = await self._consumer.committed(self._tp)
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailable(f"cannot read the committed offset of {self._tp}: {error!r}") from error
        return None if offset is None else int(offset)

    async def settled(self, offset: int | None) -> int | None:
        """The group's committed offset, once two answers in a row are the same; `offset` is the first.

        A coordinator whose broker had just come up was seen to answer while it was still going through its
        log: with offsets from minutes ago, and a moment later with others.
        """
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            before, offset = offset, await self.committed()
            if offset == before:
                return offset

    def end(self) -> int | None:
        """The one after the last committed record, as of the last fetch."""
        offset = self._consumer.last_stable_offset(self._tp)
        return None if offset is None else int(offset)
