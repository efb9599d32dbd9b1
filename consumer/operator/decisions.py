"""What an operator may decide about a partition, and what the decision makes of its position. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from consumer.errors import InputRefused
from consumer.operator.unpublished import NOTHING, Unpublished

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.operator.damage import Damage
    from consumer.operator.position_table import Row
    from consumer.storage.protocols import Origin, Position

_PAST: Final = 0
"""No generation: its outputs are published, or never to be."""


class Decision(StrEnum):
    """What `contracts positions reset` can be told; its help says what each means."""

    TO_DATABASE = "to-database"
    FROM_GROUP_OFFSET = "from-group-offset"
    REBUILD = "rebuild"
    ACCEPT_CLUSTER = "accept-cluster"
    ACCEPT_GROUP = "accept-group"
    NEW_GENERATION = "new-generation"
    ACCEPT_PARTITION_COUNT = "accept-partition-count"
    TO_LOG_START = "to-log-start"
    TO_LOG_END = "to-log-end"
    PAST_DAMAGE = "past-damage"


@dataclass(frozen=True, slots=True)
class Step:
    """What a decision comes to for one partition; `published` is its new progress, None: as it was.

    `outbox` is the generation that the stored outputs belonged to, and the one they go on to.
    """

    partition: int
    position: Position
    published: int | None
    outbox: tuple[int, int] | None
    passed: Damage | None = None
    left: Unpublished = NOTHING
    """What would be lost by this progress: published with it, as far as it is stored."""

    def lines(self) -> list[str]:
        """What the operator is told once it is done."""
        lines = self.left.lines()
        if self.passed is not None:
            first, after = self.passed
            lost = f"offsets {first} to {after - 1}" if first < after else "nothing"
            lines.append(f"passed by {lost}")
        return [f"partition {self.partition}: {line}" for line in lines]


def chosen(
    decision: Decision, rows: Sequence[Row], partitions: Iterable[int] | None, topic: str
) -> list[int]:
    """Which partitions are decided; `partitions` None: all that ask for a decision, or else have a problem.

    Raises:
        InputRefused: there is none, or one that the topic does not have.
    """
    if decision is Decision.ACCEPT_PARTITION_COUNT:
        numbers = [row.partition for row in rows]
    elif partitions is None:
        numbers = [row.partition for row in rows if row.decision]
        numbers = numbers or [row.partition for row in rows if row.problem]
    else:
        numbers = sorted(set(partitions))
    known = {row.partition for row in rows}
    if unknown := [number for number in numbers if number not in known]:
        raise InputRefused(f"{topic} has no partition {unknown[0]}")
    if not numbers:
        raise InputRefused(
            "no partition has a problem",
            hint="--partition and --force together reset one all the same",
        )
    return numbers


def refuse_other_decisions(decision: Decision, rows: Iterable[Row]) -> None:
    """Only what `show` names may be decided: another decision could lose what nobody looked at.

    Raises:
        InputRefused: a partition asks for another decision, or for none.
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
        raise InputRefused(
            f"partition {row.partition} {asks}",
            hint=f"see `contracts positions show`; --force carries --{decision.value} out all the same",
        )


def refuse_to_give_up(decision: Decision, steps: Iterable[Step]) -> None:
    """Outputs are lost only by an operator who knows which.

    Raises:
        InputRefused: some are not stored any more, and the decision goes on without them.
    """
    for step in steps:
        if step.left.given_up:
            raise InputRefused(
                f"partition {step.partition} would give up {step.left.given_up}: they are stored no more",
                hint=f"a backup of one moment may have them; --{decision.value} --force goes on without them",
            )


def step_of(
    decision: Decision,
    stored: Position | None,
    fresh: Position,
    row: Row,
    generation: int,
    left: Unpublished,
) -> Step:
    """What the decision comes to for a partition with the position `stored`; `fresh`: one at the log's start.

    Raises:
        InputRefused: the decision does not apply to the partition.
    """
    position, published = _decided(decision, stored, fresh, row, generation)
    outbox = _outbox(decision, stored, position, row, published)
    if published is None:
        # The next takeover publishes what is left. The journal's entry is written again anyway: its
        # offset is of the position's generation.
        published, left = row.published, NOTHING
    return Step(row.partition, replace(position, has_journal=True), published, outbox, left=left)


def up_to_damage(name: str, stored: Position | None, row: Row) -> tuple[Position, int]:
    """The position at the damage, and its progress.

    Raises:
        InputRefused: there is none, or nobody can tell what of the partition is published.
    """
    if stored is None or row.published is None:
        raise InputRefused(
            f"{name}: what comes before the damage is not known to be published",
            hint="start the service, wait until it has stopped the partition again, then decide",
        )
    return stored, row.published


def past_damage(published: int, position: Position, passed: Damage, left: Unpublished) -> Step:
    """What it comes to that a partition goes on at `position`, behind the damage."""
    outbox = position.generation, _PAST
    return Step(position.place[1], position, max(published, position.next), outbox, passed, left)


def _decided(
    decision: Decision, stored: Position | None, fresh: Position, row: Row, generation: int
) -> tuple[Position, int | None]:
    """The position after the decision, and its new progress; None: as it was."""
    if decision is Decision.REBUILD:
        if stored is not None and (stored.last is not None or stored.generation > 1):
            raise InputRefused(
                f"{fresh.partition} has a position: only an empty database is rebuilt",
                hint="drop the database, or name another with CONTRACTS_MONGO_DATABASE",
            )
        return fresh, None
    if stored is None and decision is Decision.ACCEPT_PARTITION_COUNT:
        return replace(fresh, generation=generation), row.log_start
    if stored is None:
        raise InputRefused(
            f"{fresh.partition} has no position to keep", hint="`--rebuild` starts from the log"
        )
    origin = _accepted(decision, stored.origin, fresh.origin)
    return _kept(decision, replace(stored, origin=origin), row, generation)


def _accepted(decision: Decision, stored: Origin, found: Origin) -> Origin:
    """What else has changed is a decision of its own."""
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
    """Where the stored outputs go on; None: they stay as they are, or are of a generation that is over."""
    if stored is None:
        return None
    if decision is Decision.ACCEPT_PARTITION_COUNT:
        # The log is the same: what is stored and not published yet must still come out.
        return stored.generation, position.generation
    declared = row.published if published is None else published
    if position.generation == stored.generation and declared == position.next:
        return stored.generation, _PAST
    return None


def _kept(decision: Decision, position: Position, row: Row, generation: int) -> tuple[Position, int | None]:
    """What a decision makes of a position that there is."""
    match decision:
        case Decision.ACCEPT_PARTITION_COUNT:
            return replace(position, generation=generation), None
        case Decision.ACCEPT_CLUSTER | Decision.ACCEPT_GROUP:
            return position, position.next if row.published is None else None
        case Decision.FROM_GROUP_OFFSET:
            return position, None
        case Decision.NEW_GENERATION:
            return replace(position, next=row.log_start, generation=generation, last=None), row.log_start
        case Decision.TO_LOG_START | Decision.TO_LOG_END:
            to = row.log_start if decision is Decision.TO_LOG_START else row.log_end
            return _moved(position, to, generation), to
        case _:
            return position, position.next


def _moved(position: Position, offset: int, generation: int) -> Position:
    """At another offset. Going back begins a generation: other records have the same offsets now."""
    if offset >= position.next:
        generation = position.generation
    return replace(position, next=offset, generation=generation, last=None)
