"""The decisions of an operator about a partition, and the position that follows from each. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from consumer.errors import InputRefused
from consumer.operator.choices import Decision
from consumer.operator.unpublished import NOTHING, Unpublished

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.operator.damage import Damage
    from consumer.operator.position_table import Row
    from consumer.storage.protocols import Origin, Position

_PAST: Final = 0
"""The generation of outputs that are never published: they are published already, or lost."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a decision changes in one partition. `published` is the new progress; None: unchanged.

    `outbox`: the old and the new generation of the stored outputs.
    """

    partition: int
    position: Position
    published: int | None
    outbox: tuple[int, int] | None
    passed: Damage | None = None
    left: Unpublished = NOTHING
    """The unpublished outputs that this progress skips. Those that are stored are published with it."""

    def lines(self) -> list[str]:
        """Lines for the operator, after the step is done."""
        lines = self.left.lines()
        if self.passed is not None:
            first, after = self.passed
            lost = f"offsets {first} to {after - 1}" if first < after else "nothing"
            lines.append(f"skipped {lost}")
        return [f"partition {self.partition}: {line}" for line in lines]


def chosen(
    decision: Decision, rows: Sequence[Row], partitions: Iterable[int] | None, topic: str
) -> list[int]:
    """The partitions to decide. `partitions` None: all with a decision to make, or else all with a problem.

    Raises:
        InputRefused: there is none, or the topic does not have one of them, or one cannot be read.
    """
    if decision is Decision.ACCEPT_PARTITION_COUNT:
        numbers = [row.partition for row in rows]
    elif partitions is None:
        numbers = [row.partition for row in rows if row.decision]
        numbers = numbers or [row.partition for row in rows if row.problem]
    else:
        numbers = sorted(set(partitions))
    known = {row.partition: row for row in rows}
    if unknown := [number for number in numbers if number not in known]:
        raise InputRefused(f"{topic} has no partition {unknown[0]}")
    if not numbers:
        raise InputRefused(
            "no partition has a problem",
            hint="to reset a partition anyway, give --partition and --force",
        )
    for number in numbers:
        known[number].log()  # refuses one that cannot be read
    return numbers


def refuse_other_decisions(decision: Decision, rows: Iterable[Row]) -> None:
    """Refuses a decision that `show` does not name: it could lose data.

    Raises:
        InputRefused: a partition needs another decision, or none.
    """
    for row in rows:
        if row.decision == f"--{decision.value}":
            continue
        if row.problem is None:
            asks = "asks for no decision"
        elif row.decision is None:
            asks = f"has a problem that no decision solves: {row.problem}"
        else:
            asks = f"asks for {row.decision}: {row.problem}"
        hint = f"see `contracts positions show`; to decide --{decision.value} anyway, add --force"
        raise InputRefused(f"partition {row.partition} {asks}", hint=row.remedy or hint)


def refuse_cut_log(decision: Decision, rows: Iterable[Row]) -> None:
    """Refuses to rebuild from a log that has lost its first commands.

    Raises:
        InputRefused: a partition does not begin at offset 0.
    """
    for row in rows:
        if decision is Decision.REBUILD and (start := row.log().start) > 0:
            raise InputRefused(
                f"partition {row.partition} begins at offset {start}: earlier commands were deleted",
                hint="`--from-checkpoint FOLDER` restores a checkpoint; --force applies what is left",
            )


def refuse_to_give_up(decision: Decision, steps: Iterable[Step]) -> None:
    """Refuses to lose outputs without --force. The error names them.

    Raises:
        InputRefused: some outputs are no longer stored, and the decision would continue without them.
    """
    for step in steps:
        if step.left.given_up:
            raise InputRefused(
                f"partition {step.partition} would lose {step.left.given_up}: they are no longer stored",
                hint=f"a consistent backup may hold them; --{decision.value} --force continues without them",
            )


def step_of(
    decision: Decision,
    stored: Position | None,
    fresh: Position,
    row: Row,
    generation: int,
    left: Unpublished,
) -> Step:
    """What the decision changes. `stored`: the position; `fresh`: a position at the start of the log.

    Raises:
        InputRefused: the decision does not apply to the partition.
    """
    position, published = _decided(decision, stored, fresh, row, generation)
    outbox = _outbox(decision, stored, position, row, published)
    if published is None:
        # The next takeover publishes the unpublished outputs. The journal entry is written again, because it
        # must have the generation of the position.
        published, left = row.published, NOTHING
    return Step(row.partition, replace(position, has_journal=True), published, outbox, left=left)


def up_to_damage(name: str, stored: Position | None, row: Row) -> tuple[Position, int]:
    """The position before the damage, and its progress.

    Raises:
        InputRefused: there is no position, or the progress is not known.
    """
    if stored is None or row.published is None:
        raise InputRefused(
            f"{name}: it is not known whether the outputs before the damage are published",
            hint="start the service, wait until it has stopped the partition again, then decide",
        )
    return stored, row.published


def past_damage(published: int, position: Position, passed: Damage, left: Unpublished) -> Step:
    """The step that continues a partition at `position`, after the damage."""
    outbox = position.generation, _PAST
    return Step(position.topic_partition[1], position, max(published, position.next), outbox, passed, left)


def _decided(
    decision: Decision, stored: Position | None, fresh: Position, row: Row, generation: int
) -> tuple[Position, int | None]:
    """The position after the decision, and its new progress; None: unchanged."""
    if decision is Decision.REBUILD:
        if stored is not None and (stored.last is not None or stored.generation > 1):
            raise InputRefused(
                f"{fresh.partition} has a position: only an empty database is rebuilt",
                hint="drop the database, or name another with CONTRACTS_MONGO_DATABASE",
            )
        return fresh, None
    if stored is None and decision is Decision.ACCEPT_PARTITION_COUNT:
        return replace(fresh, generation=generation), row.log().start
    if stored is None:
        raise InputRefused(
            f"{fresh.partition} has no position to keep", hint="`--rebuild` applies the log from its start"
        )
    origin = _accepted(decision, stored.origin, fresh.origin)
    return _kept(decision, replace(stored, origin=origin), row, generation)


def _accepted(decision: Decision, stored: Origin, found: Origin) -> Origin:
    """Accepts only what this decision is about. Any other change needs another decision."""
    match decision:
        case Decision.ACCEPT_CLUSTER:
            return replace(stored, cluster=found.cluster)
        case Decision.ACCEPT_GROUP:
            return replace(stored, group=found.group)
        case Decision.ACCEPT_PARTITION_COUNT:
            return replace(stored, partitions=found.partitions, partitioner=found.partitioner)
        case _:
            return stored


def _outbox(
    decision: Decision, stored: Position | None, position: Position, row: Row, published: int | None
) -> tuple[int, int] | None:
    """The old and new generation of stored outputs; None: unchanged, or their generation has ended."""
    if stored is None:
        return None
    if decision is Decision.ACCEPT_PARTITION_COUNT:
        # The log is the same: outputs that are stored and not published yet must still be published.
        return stored.generation, position.generation
    declared = row.published if published is None else published
    if position.generation == stored.generation and declared == position.next:
        return stored.generation, _PAST
    return None


def _kept(decision: Decision, position: Position, row: Row, generation: int) -> tuple[Position, int | None]:
    """The position after a decision on an existing position, and its new progress; None: unchanged."""
    match decision:
        case Decision.ACCEPT_PARTITION_COUNT:
            return replace(position, generation=generation), None
        case Decision.ACCEPT_CLUSTER | Decision.ACCEPT_GROUP:
            return position, position.next if row.published is None else None
        case Decision.FROM_GROUP_OFFSET:
            return position, None
        case Decision.NEW_GENERATION:
            start = row.log().start
            return replace(position, next=start, generation=generation, last=None), start
        case Decision.TO_LOG_START | Decision.TO_LOG_END:
            to = row.log().start if decision is Decision.TO_LOG_START else row.log().end
            return _at_offset(position, to, generation), to
        case _:
            return position, position.next


def _at_offset(position: Position, offset: int, generation: int) -> Position:
    """The position at another offset.

    A lower offset begins a new generation: other records have these offsets now.
    """
    if offset >= position.next:
        generation = position.generation
    return replace(position, next=offset, generation=generation, last=None)
