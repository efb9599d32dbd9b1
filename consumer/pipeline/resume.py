"""What an owner does before its first batch, and after any failure or doubt.

Two facts were written by two systems: P, the position in MongoDB, and C, the group's offset in Kafka.
Each moved in one transaction with what belongs to it: P with the state, C with the published outputs.
So the difference between the two says exactly what is left to do, whatever happened before:

    C < P   the state is ahead: publish the outbox of [C, P)
    C > P   the database went back (a restored backup, a lost tail): apply [P, C) again, publish nothing
    C = P   go on

Everything else is not guessed: the partition stops with an error that names the decisions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from consumer.errors import (
    BrokerUnavailable,
    ClusterChanged,
    Fenced,
    GroupChanged,
    OffsetBeyondLog,
    OffsetMissing,
    OutboxHole,
    PartitionCountChanged,
    PartitionerChanged,
    PositionBeforeLog,
    PositionBeyondLog,
    PositionMissing,
    TopicRecreated,
)
from consumer.pipeline.published import published_up_to
from consumer.storage.protocols import LastRecord, Origin, OutboxSlot, Position
from producers.recordbatches import unpack

if TYPE_CHECKING:
    from decimal import Decimal

    from consumer.errors import PositionError
    from consumer.pipeline.published import ResultLog
    from consumer.pipeline.reader import PartitionReader
    from consumer.pipeline.records import Record
    from consumer.storage.protocols import Store
    from producers.publisher import Publisher

REREAD_TIMEOUT_MS: Final = 10_000


class Resumed(NamedTuple):
    """Where to go on: fold from `position`, publish what lies at or after `publish_from`."""

    position: Position
    publish_from: int


def last_record(record: Record) -> LastRecord:
    """What a position remembers of the record before it."""
    return LastRecord(record.offset, record.timestamp, crc32(record.value or b"", crc32(record.key or b"")))


async def resume(
    *,
    reader: PartitionReader,
    results: ResultLog,
    store: Store,
    publisher: Publisher,
    owner: str,
    origin: Origin,
) -> Resumed:
    """Takes a partition over. The order matters: nothing is read before it can no longer change.

    Raises:
        PositionError: an operator must decide; nothing was changed.
        StoreError, LogError: try again later.
    """
    partition = f"{reader.topic}/{reader.partition}"
    await store.position(partition)  # while the store is away, do not wear out the producer's epochs
    await reader.open()
    await publisher.start()  # from here on C stands still
    committed, told = await published_up_to(reader, results, store, partition)
    position = await _claimed(reader, store, partition, owner, origin, committed)
    await _check(reader, position, committed)
    if committed is None:
        await publisher.publish((), position.next)
        committed = position.next
    elif committed < position.next:
        await _publish_outbox(reader, store, publisher, position, committed)
        committed = position.next
    elif told != committed:
        await publisher.publish((), committed)  # or the coordinator would go on telling it
    reader.seek(position.next)
    return Resumed(position, committed)


async def _claimed(
    reader: PartitionReader, store: Store, partition: str, owner: str, origin: Origin, committed: int | None
) -> Position:
    stored = await store.position(partition)
    if stored is None:
        if committed is not None:
            raise PositionMissing(reader.topic, reader.partition, group=origin.group, committed=committed)
        await _check_first_start(reader, store, origin)
    else:
        if problem := origin_problem((reader.topic, reader.partition), stored.origin, origin):
            raise problem
        if committed is None and stored.last is not None:
            await _check_recreated(reader, stored)
            raise OffsetMissing(reader.topic, reader.partition, group=origin.group, position=stored.next)
    start, _ = await reader.bounds()
    first = Position(partition, origin, next=start) if stored is None else None
    claimed = await store.claim(partition, owner, first)
    if claimed is None:
        raise PositionMissing(reader.topic, reader.partition, group=origin.group, committed=committed)
    return claimed


async def _check_first_start(reader: PartitionReader, store: Store, origin: Origin) -> None:
    """A partition added to a topic holds accounts that lived in the others: it must not begin by itself."""
    expected = await store.partition_count(reader.topic)
    if expected is not None and expected != origin.partitions:
        raise PartitionCountChanged(
            reader.topic, reader.partition, expected=expected, found=origin.partitions
        )


def origin_problem(place: tuple[str, int], stored: Origin, found: Origin) -> PositionError | None:
    """Why a position of the one origin cannot go on in the other; None: they are the same."""
    if stored.cluster != found.cluster:
        return ClusterChanged(*place, expected=stored.cluster, found=found.cluster)
    if stored.group != found.group:
        return GroupChanged(*place, expected=stored.group, found=found.group)
    if stored.partitions != found.partitions:
        return PartitionCountChanged(*place, expected=stored.partitions, found=found.partitions)
    if stored.partitioner != found.partitioner:
        return PartitionerChanged(*place, expected=stored.partitioner, found=found.partitioner)
    return None


def log_problem(
    place: tuple[str, int], position: int, committed: int | None, start: int, end: int
) -> PositionError | None:
    """Why position and committed offset lie outside the log; None: they are within.

    A committed offset below the start does no harm: what follows it comes from the outbox.
    """
    if position < start:
        return PositionBeforeLog(*place, position=position, start=start)
    if position > end:
        return PositionBeyondLog(*place, position=position, end=end)
    if committed is not None and committed > end:
        return OffsetBeyondLog(*place, committed=committed, end=end)
    return None


async def _check_recreated(reader: PartitionReader, position: Position) -> None:
    """With a topic Kafka deletes the offsets of its groups: where they are gone, it may be another topic."""
    _, end = await reader.bounds()
    if position.next > end:
        raise TopicRecreated(reader.topic, reader.partition, offset=position.next - 1)
    await _check(reader, position, None)


async def _check(reader: PartitionReader, position: Position, committed: int | None) -> None:
    """Position and offset lie inside the log, and the record before is the one that was folded in."""
    start, end = await reader.bounds()
    place = (reader.topic, reader.partition)
    if problem := log_problem(place, position.next, committed, start, end):
        raise problem
    last = position.last
    if last is None or last.offset < start:
        return
    reader.seek(last.offset)
    found = await reader.fetch(max_records=1, timeout_ms=REREAD_TIMEOUT_MS)
    if not found.records and found.next == last.offset:
        raise BrokerUnavailable(f"{position.partition}: offset {last.offset} cannot be read again")
    if not found.records or last_record(found.records[0]) != last:
        raise TopicRecreated(*place, offset=last.offset)


async def _publish_outbox(
    reader: PartitionReader, store: Store, publisher: Publisher, position: Position, committed: int
) -> None:
    slots = await store.outbox(position.partition)
    if await store.position(position.partition) != position:
        # A hole may then be only a look at two moments; one that is real will be there again.
        raise Fenced(f"{position.partition} was moved or set back during the resume")
    for slot in _unpublished(reader, slots, position, committed):
        await publisher.publish(list(unpack(slot.frames)), slot.next)


def _unpublished(
    reader: PartitionReader, slots: list[OutboxSlot], position: Position, committed: int
) -> list[OutboxSlot]:
    """The slots that cover [committed, position) without a hole."""
    chain: list[OutboxSlot] = []
    reached = committed
    for slot in slots:
        if slot.generation == position.generation and slot.first == reached < position.next:
            chain.append(slot)
            reached = slot.next
    if reached != position.next:
        raise OutboxHole(
            reader.topic, reader.partition, offset=reached, committed=committed, position=position.next
        )
    return chain


def moved(position: Position, to: int, last: Record | None, tallies: dict[str, int | Decimal]) -> Position:
    """The position after a batch."""
    return replace(
        position, next=to, last=position.last if last is None else last_record(last), tallies=tallies
    )
