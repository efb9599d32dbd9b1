"""What an operator may decide about a partition, and what the decision makes of its position. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from consumer.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.kafka.fetcher import Bounds
    from consumer.kafka.journal_entries import Progress
    from consumer.operator.damage import Damage
    from consumer.storage.protocols import Origin, Position, Stop

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
class Row:
    """One partition: where the database, the journal and the log stand.

    `published` is the journal's last progress. `problem` None: they fit together. `decision`: what it asks
    for, an option of `contracts positions reset`.
    """

    partition: int
    position: int | None
    published: int | None
    log_start: int
    log_end: int
    generation: int | None
    problem: str | None = None
    decision: str | None = None


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


def chosen(
    decision: Decision, rows: Sequence[Row], partitions: Iterable[int] | None, topic: str
) -> list[int]:
    """Which partitions are decided; `partitions` None: all that have a problem.

    Raises:
        InputRefused: there is none, or one that the topic does not have.
    """
    if decision is Decision.ACCEPT_PARTITION_COUNT:
        numbers = [row.partition for row in rows]
    elif partitions is None:
        numbers = [row.partition for row in rows if row.problem]
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


def row_of(
    number: int,
    position: Position | None,
    progress: Progress | None,
    bounds: Bounds,
    stop: Stop | None,
) -> Row:
    """A partition as `contracts positions show` tells of it."""
    return Row(
        partition=number,
        position=None if position is None else position.next,
        published=None if progress is None else progress.next,
        log_start=bounds.start,
        log_end=bounds.stable,
        generation=None if position is None else position.generation,
        problem=stop and stop.problem,
        decision=stop and stop.decision,
    )


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
            asks = f"stands still for what is no decision's matter: {row.problem}"
        else:
            asks = f"asks for {row.decision}: {row.problem}"
        raise InputRefused(
            f"partition {row.partition} {asks}",
            hint=f"see `contracts positions show`; --force carries --{decision.value} out all the same",
        )


def step_of(decision: Decision, stored: Position | None, fresh: Position, row: Row, generation: int) -> Step:
    """What the decision comes to for a partition with the position `stored`; `fresh`: one at the log's start.

    Raises:
        InputRefused: the decision does not apply to the partition.
    """
    position, published = _decided(decision, stored, fresh, row, generation)
    outbox = _outbox(decision, stored, position, row, published)
    # The journal's entry is written anew in any case: its offset is of the position's generation.
    published = row.published if published is None else published
    return Step(row.partition, replace(position, has_journal=True), published, outbox)


def up_to_damage(name: str, stored: Position | None, row: Row) -> tuple[Position, int]:
    """The position at the damage, and its progress.

    Raises:
        InputRefused: something is left of what came before it.
    """
    if stored is None or row.published is None or row.published < stored.next:
        raise InputRefused(
            f"{name}: not all that came before the damage is applied and published",
            hint="start the service, wait until it has stopped the partition again, then decide",
        )
    return stored, row.published


def past_damage(published: int, position: Position, passed: Damage) -> Step:
    """What it comes to that a partition goes on at `position`, behind the damage."""
    outbox = position.generation, _PAST
    return Step(position.place[1], position, max(published, position.next), outbox, passed)


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
            return position, row.published
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
