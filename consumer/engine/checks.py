"""Whether position, journal and log fit together. If not, an error names the decision that is needed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

from consumer.engine.apply import last_record
from consumer.errors import (
    BrokerUnavailable,
    ClusterChanged,
    ContractsError,
    GenerationChanged,
    GroupChanged,
    JournalMissing,
    LogDamaged,
    PartitionCountChanged,
    PartitionerChanged,
    PositionBeforeLog,
    PositionBeyondLog,
    PositionError,
    PositionMissing,
    ProgressBeyondLog,
    RecordDamaged,
    TopicRecreated,
    UpgradeNeeded,
)
from consumer.kafka.damage import DAMAGE_PAUSE_SECONDS, REREAD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.errors import LogError
    from consumer.kafka.fetcher import Bounds, Fetched
    from consumer.kafka.journal_entries import Progress
    from consumer.storage.protocols import LastRecord, Origin, Position, Store

_OF_THE_SAME_LOG: Final = (JournalMissing, ProgressBeyondLog)
"""Problems whose decisions would skip the commands of another log."""


class Log(Protocol):
    """What a takeover reads from the command topic."""

    async def bounds(self, partitions: Collection[int]) -> dict[int, Bounds]:
        """First offset, last stable offset and end of each partition."""

    async def leaderless(self, partitions: Collection[int]) -> dict[int, LogError]:
        """Those of these partitions that have no leader, or are not there."""

    async def fetch(
        self, positions: Mapping[int, int], *, timeout_ms: int
    ) -> dict[int, Fetched | ContractsError]:
        """Records, starting at these offsets."""


async def problem_of(
    log: Log,
    store: Store,
    origin: Origin,
    topic: str,
    positions: Mapping[int, Position | None],
    progress: Mapping[int, Progress | None],
) -> dict[int, PositionError]:
    """The problem of each of these partitions that has one.

    Most follow from position, progress and the bounds of the log. Whether the log is still the one that was
    applied is read from its records, where that is in doubt, and where nothing else is wrong.

    Raises:
        StoreError, LogError: try again later.
    """
    bounds = await log.bounds(list(progress))
    count = await store.partition_count(topic) if any(positions[n] is None for n in progress) else None
    problems = {
        number: problem
        for number, done in progress.items()
        if (problem := _of_offsets((topic, number), positions[number], done, origin, count, bounds[number]))
    }
    cut = {n: p for n, one in problems.items() if isinstance(one, PositionBeyondLog) and (p := positions[n])}
    problems |= await _other_logs(log, topic, cut)
    comparable = {
        number: position
        for number in progress
        if (position := positions[number]) is not None
        and (number not in problems or isinstance(problems[number], _OF_THE_SAME_LOG))
    }
    problems |= await _recreated(log, topic, comparable, bounds)
    return _of_generations(topic, positions, progress) | problems


def _of_offsets(
    topic_partition: tuple[str, int],
    position: Position | None,
    done: Progress | None,
    origin: Origin,
    count: int | None,
    bounds: Bounds,
) -> PositionError | None:
    if position is None:
        return _of_first_start(topic_partition, done, origin, count)
    return _of_position(topic_partition, position, done, origin, bounds)


def _of_first_start(
    topic_partition: tuple[str, int], done: Progress | None, origin: Origin, count: int | None
) -> PositionError | None:
    """An added partition holds accounts that were in other partitions: it needs a decision first."""
    if done is not None:
        return PositionMissing(*topic_partition, progress=done.next)
    if count is not None and count != origin.partitions:
        return PartitionCountChanged(*topic_partition, expected=count, found=origin.partitions)
    return None


def _of_position(
    topic_partition: tuple[str, int],
    position: Position,
    done: Progress | None,
    origin: Origin,
    bounds: Bounds,
) -> PositionError | None:
    if problem := upgrade_problem(position) or origin_problem(topic_partition, position.origin, origin):
        return problem
    if done is None and position.last is not None and bounds.start <= position.next <= bounds.stable:
        return JournalMissing(*topic_partition, position=position.next)
    return log_problem(topic_partition, position.next, None if done is None else done.next, bounds)


def upgrade_problem(position: Position) -> PositionError | None:
    """Why a position of version 0.1 cannot be claimed yet."""
    return None if position.has_journal else UpgradeNeeded(*position.topic_partition, position=position.next)


def origin_problem(topic_partition: tuple[str, int], stored: Origin, found: Origin) -> PositionError | None:
    """Why a position of one origin cannot be used with another; None: they are the same."""
    if stored.cluster != found.cluster:
        return ClusterChanged(*topic_partition, expected=stored.cluster, found=found.cluster)
    if stored.group != found.group:
        return GroupChanged(*topic_partition, expected=stored.group, found=found.group)
    if stored.partitions != found.partitions:
        return PartitionCountChanged(*topic_partition, expected=stored.partitions, found=found.partitions)
    if stored.partitioner != found.partitioner:
        return PartitionerChanged(*topic_partition, expected=stored.partitioner, found=found.partitioner)
    return None


def log_problem(
    topic_partition: tuple[str, int], position: int, progress: int | None, bounds: Bounds
) -> PositionError | None:
    """Why position or progress is outside the log; None: both are within it.

    Progress below the start does no harm: the outputs after it are in the outbox.
    """
    if position < bounds.start:
        return PositionBeforeLog(*topic_partition, position=position, start=bounds.start)
    if position > bounds.stable:
        return PositionBeyondLog(*topic_partition, position=position, end=bounds.stable)
    if progress is not None and progress > bounds.stable:
        return ProgressBeyondLog(*topic_partition, progress=progress, end=bounds.stable)
    return None


async def _recreated(
    log: Log, topic: str, positions: Mapping[int, Position], bounds: Mapping[int, Bounds]
) -> dict[int, PositionError]:
    """The partitions in which the record before the position is not the one that was applied."""
    wanted = {
        number: position.last
        for number, position in positions.items()
        if position.last is not None and position.last.offset >= bounds[number].start
    }
    found = await _records_at(log, topic, {number: last.offset for number, last in wanted.items()})
    problems: dict[int, PositionError] = {}
    for number, last in wanted.items():
        record = found[number]
        if isinstance(record, RecordDamaged):
            problems[number] = LogDamaged(topic, number, offset=last.offset)
        elif record is None or last_record(record) != last:
            problems[number] = TopicRecreated(topic, number, offset=last.offset)
    return problems


async def _other_logs(log: Log, topic: str, positions: Mapping[int, Position]) -> dict[int, PositionError]:
    """A log that ends before the position has lost its last records, or is another log.

    Brokers set the timestamps, so the first record of another log is later than the last applied one.
    """
    applied = {number: last for number, position in positions.items() if (last := position.last) is not None}
    bounds = await log.bounds(applied) if applied else {}
    holding = {n: bounds[n].start for n in applied if bounds[n].start < bounds[n].stable}
    first = await _records_at(log, topic, holding)
    problems: dict[int, PositionError] = {}
    for number, last in applied.items():
        record = first.get(number)
        if isinstance(record, RecordDamaged):
            problems[number] = LogDamaged(topic, number, offset=record.offset)
        elif _is_another_log(bounds[number], record, last):
            problems[number] = TopicRecreated(topic, number, offset=last.offset)
    return problems


def _is_another_log(bounds: Bounds, first: Any, last: LastRecord) -> bool:
    return bounds.start == 0 if first is None else bool(first.timestamp > last.timestamp)


async def _records_at(log: Log, topic: str, offsets: Mapping[int, int]) -> dict[int, Any]:
    """The first record at or after each offset; None: the fetch from there returned none.

    RecordDamaged: it is still damaged after all tries.

    Raises:
        LogError: they cannot be read in time.
    """
    left, found = dict(offsets), dict[int, Any]()
    clock = asyncio.get_running_loop().time
    until = clock() + REREAD_SECONDS
    while left:
        pause = 0.0
        for number, fetched in (await log.fetch(left, timeout_ms=500)).items():
            if isinstance(fetched, RecordDamaged):
                pause = DAMAGE_PAUSE_SECONDS
                if number in left and clock() > until:
                    found[number] = fetched
                    del left[number]
                continue
            if isinstance(fetched, ContractsError):
                raise fetched
            first = left.get(number)
            if fetched.first == first and (fetched.records or fetched.next > first):
                found[number] = fetched.records[0] if fetched.records else None
                del left[number]
        if left and not pause and clock() > until:
            number, offset = next(iter(left.items()))
            raise BrokerUnavailable(f"{topic}/{number}: offset {offset} cannot be read again")
        await asyncio.sleep(pause)
    return found


def _of_generations(
    topic: str, positions: Mapping[int, Position | None], progress: Mapping[int, Progress | None]
) -> dict[int, PositionError]:
    """Offsets of different generations cannot be compared."""
    return {
        number: GenerationChanged(topic, number, expected=position.generation, found=done.generation)
        for number, done in progress.items()
        if done is not None
        and (position := positions[number]) is not None
        and done.generation != position.generation
    }
