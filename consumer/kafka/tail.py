"""Reading topics as people and programs look at them: from a point in time, without a consumer group.

Nothing is stored, and no group's offsets change. Only committed records are seen.
"""

from __future__ import annotations

import heapq
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from consumer.errors import OutOfLog
from consumer.kafka import topics
from consumer.kafka.connection import kafka_errors, kafka_options, stop_consumer
from schemas.partitioning import HOMES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping
    from datetime import datetime

    from consumer.settings import Settings

_POLL_MS: Final = 200
_MAX_RECORDS: Final = 500
"""Number of records in one read: they wait in memory until earlier records of other partitions are read."""


class TopicReader:
    """Records of a few partitions. Made by `tail`."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions

    async def seek(self, since: datetime | None) -> None:
        """Goes to the first record of that time or later; None: to the beginning."""
        if since is None:
            await self._consumer.seek_to_beginning(*self._partitions)
            return
        moment = int(since.timestamp() * 1000)
        found = await self._consumer.offsets_for_times(dict.fromkeys(self._partitions, moment))
        ends = await self._consumer.end_offsets(self._partitions)
        for partition, record in found.items():
            self._consumer.seek(partition, ends[partition] if record is None else record.offset)

    async def starts(self) -> dict[tuple[str, int], int]:
        """The first offset of each partition that is not deleted."""
        found = await self._consumer.beginning_offsets(self._partitions)
        return {(each.topic, each.partition): start for each, start in found.items()}

    async def seek_to_end(self) -> None:
        """Goes to the present end."""
        await self._consumer.seek_to_end(*self._partitions)

    async def at(self, topic: str, number: int, offset: int) -> Any:
        """The record at an offset of a partition; None: there is none, or it cannot be read."""
        partition = TopicPartition(topic, number)
        if partition not in self._partitions:
            return None
        first = await self._consumer.beginning_offsets([partition])
        end = await self._consumer.end_offsets([partition])
        if not first[partition] <= offset < end[partition]:
            return None
        self._consumer.seek(partition, offset)
        while await self._consumer.position(partition) <= offset:
            try:
                found = await self._consumer.getmany(partition, timeout_ms=_POLL_MS, max_records=1)
            except UnicodeDecodeError:  # a header name that is not UTF-8
                return None
            for record in found.get(partition, ()):
                return record if record.offset == offset else None
        return None

    async def to_end(self) -> AsyncIterator[Any]:
        """The records up to the present end, those of all partitions in the order of their timestamps.

        Raises:
            OutOfLog: a topic was created again meanwhile.
        """
        ends = await self._consumer.end_offsets(self._partitions)
        unread = set(self._partitions)
        waiting: dict[TopicPartition, list[Any]] = {}
        heads: list[tuple[int, TopicPartition]] = []
        while True:
            needed = [each for each in unread if not waiting.get(each)]
            while needed:
                batches = await self._consumer.getmany(*needed, timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
                if not batches:
                    await self._refuse_shorter(needed, ends)
                for partition, batch in batches.items():
                    # Producers go on: without this bound a busy topic would be followed forever.
                    if records := [record for record in batch if record.offset < ends[partition]]:
                        waiting[partition] = records[::-1]
                        heapq.heappush(heads, (records[0].timestamp, partition))
                for partition in needed:
                    if await self._consumer.position(partition) >= ends[partition]:
                        unread.discard(partition)
                needed = [each for each in unread if not waiting.get(each)]
            if not heads:
                return
            _, partition = heapq.heappop(heads)
            yield waiting[partition].pop()
            if waiting[partition]:
                heapq.heappush(heads, (waiting[partition][-1].timestamp, partition))

    async def _refuse_shorter(
        self, partitions: Iterable[TopicPartition], ends: Mapping[TopicPartition, int]
    ) -> None:
        with suppress(KafkaError):  # reads wait, too, until a broker answers again
            for each, end in (await self._consumer.end_offsets(partitions)).items():
                if end < ends[each]:
                    name = f"{each.topic}/{each.partition}"
                    raise OutOfLog(f"{name} ends at offset {end}, and ended at {ends[each]} before")

    async def endlessly(self) -> AsyncIterator[Any]:
        """The records as they come, those of one fetch in the order of their timestamps."""
        while True:
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
            records = [record for batch in batches.values() for record in batch]
            for record in sorted(
                records, key=lambda record: record.timestamp
            ):  # stable: keeps each partition's
                yield record


@asynccontextmanager
async def tail(
    settings: Settings, names: Iterable[str], key: str | None = None
) -> AsyncIterator[TopicReader]:
    """A reader of these topics, named without the prefix.

    Args:
        settings: settings of the service.
        names: of the topics.
        key: only its home partition is read; None: all are.

    Raises:
        TopicsMissing: a topic does not exist.
        BrokerUnavailable, BrokerDenied: from here or from within the block.
    """
    found = await topics.require(settings, *names)
    home_of = HOMES[settings.partitioner]
    with kafka_errors(settings.kafka_bootstrap_servers):
        consumer = AIOKafkaConsumer(
            **kafka_options(settings),
            group_id=None,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            enable_auto_commit=False,
            fetch_max_wait_ms=_POLL_MS,
        )
        try:
            await consumer.start()
            partitions = [
                TopicPartition(topic.name, number)
                for topic in found
                for number in range(topic.partitions)
                if key is None or number == home_of(key.encode(), topic.partitions)
            ]
            consumer.assign(partitions)
            yield TopicReader(consumer, partitions)
        finally:
            await stop_consumer(consumer)
