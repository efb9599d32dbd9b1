"""Where a shadow begins, and whether the log leads, and still leads, from there to the service's position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.engine.checks import problem_of
from consumer.errors import InputRefused, JournalMissing, PositionError, TopicRecreated
from consumer.storage.protocols import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.kafka.fetcher import Bounds, Fetcher
    from consumer.kafka.journal import Journal
    from consumer.storage.protocols import Store


async def begin(
    topic: str,
    numbers: Iterable[int],
    found: Mapping[str, Position],
    restored: Mapping[int, Position],
    log: Fetcher,
    journal: Journal,
    made: Store,
) -> dict[int, tuple[Position, Position]]:
    """The service's position and that of the shadow, for each partition.

    Raises:
        InputRefused: commands are missing in between, or the service has not begun.
        PositionError: the service's position does not fit the log.
    """
    names = {number: f"{topic}/{number}" for number in numbers}
    positions = {number: _position(name, found) for number, name in names.items()}
    await _refuse_problems(topic, positions, log, journal, made)
    bounds = await log.bounds(list(names))
    pairs = {}
    for number, position in positions.items():
        fresh = restored.get(number) or Position(position.partition, position.origin, next=0)
        refuse_other_log(position, fresh, bounds[number].start)
        pairs[number] = position, fresh
    return pairs


async def _refuse_problems(
    topic: str, positions: Mapping[int, Position], log: Fetcher, journal: Journal, made: Store
) -> None:
    """Where the log ends before the position, the shadow would wait for its commands forever."""
    progress = {}
    for number, found in (await journal.progress(list(positions))).items():
        if isinstance(found, PositionError):
            raise found
        progress[number] = found
    origin = positions[min(positions)].origin
    problems = await problem_of(log, made, origin, topic, positions, progress)
    for _, problem in sorted(problems.items()):
        if not isinstance(problem, JournalMissing):  # `until_published` says so
            raise problem


def _position(name: str, found: Mapping[str, Position]) -> Position:
    if name not in found:
        raise InputRefused(f"{name} has no position yet: the service has applied nothing of it")
    return found[name]


def refuse_other_log(made: Position, would: Position, log_start: int) -> None:
    """Refuses to begin where the log does not lead to the position of the service.

    Raises:
        InputRefused: commands are missing in between, or it is another log.
    """
    name = made.partition
    if (name, made.origin) != (would.partition, would.origin):
        raise InputRefused(f"{name} cannot be applied from there: the checkpoint is of another log")
    if made.generation != would.generation:
        raise InputRefused(
            f"{name} cannot be applied from there: the service is in generation {made.generation} since a "
            f"decision of an operator, and the shadow would begin in generation {would.generation}",
            hint="`--from FOLDER` begins at a checkpoint that was made after the decision",
        )
    if made.next < would.next:
        raise InputRefused(
            f"{name} cannot be applied from there: offset {would.next} is after the service's position, "
            f"{made.next}"
        )
    if log_start > would.next:
        raise InputRefused(
            f"{name} begins later: commands before offset {log_start} were deleted, and cannot be "
            "applied again",
            hint="`--from FOLDER` begins at a checkpoint",
        )


def refuse_log_cut_meanwhile(name: str, position: int, end: int, bounds: Bounds) -> None:
    """Refuses to wait for commands that were deleted while the log was applied.

    Raises:
        InputRefused: the log does not have the offsets from `position` until before `end` any more.
    """
    if position < bounds.start or bounds.stable < end:
        raise InputRefused(
            f"{name} was cut while it was applied: it holds offsets {bounds.start} to {bounds.stable}, and "
            f"those from {position} to {end} were still to be applied",
            hint="run it again: it tells whether it can begin, and `contracts positions show` whether the "
            "service can continue",
        )


def refuse_log_created_again(made: Position, would: Position) -> None:
    """Refuses to compare what was applied of two logs.

    Raises:
        TopicRecreated: at the service's position, the shadow has applied another last record.
    """
    if made.last is not None and would.last != made.last:
        raise TopicRecreated(*made.topic_partition, offset=made.last.offset)
