"""Compares position, progress and log of each partition, and names problems."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from consumer.engine.checks import problem_of
from consumer.engine.outbox import chain_of
from consumer.errors import (
    ForeignDocument,
    ForeignTransaction,
    InputRefused,
    OutboxHole,
    PartitionMissing,
    PositionError,
    PositionMissing,
)
from consumer.kafka.bounds import open_from
from consumer.storage.protocols import Stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from consumer.errors import ContractsError, LogError
    from consumer.kafka.fetcher import Bounds, Fetcher
    from consumer.kafka.journal import Journal
    from consumer.kafka.journal_entries import Progress
    from consumer.storage.protocols import Origin, Position, Store

T = TypeVar("T")

FROM_CHECKPOINT: Final = "--from-checkpoint FOLDER"

START_BROKERS: Final = "start the brokers of that partition again"
CREATE_TOPICS: Final = "`contracts topics ensure` creates it again"
END_TRANSACTION: Final = "end that transaction, as the runbook of ContractsOpenTransaction says"

SHOW_AFTER_SECONDS: Final = 2.0
"""How long an open transaction must block a partition to be shown: most end within a second."""


class Log(NamedTuple):
    """Where the log of a partition begins, and where what can be read of it ends."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Row:
    """One partition: its position, its progress, and the offsets of its log.

    `published` is the progress. `problem` None: they fit together. `decision`: the option of `contracts
    positions reset` that solves the problem. Progress and log are None while the partition has no leader, in
    the command topic or in the journal; progress alone while another program's transaction hides it.
    `remedy`: what to do about a problem after which the partition continues by itself.
    """

    partition: int
    position: int | None
    published: int | None
    log_start: int | None
    log_end: int | None
    generation: int | None
    problem: str | None = None
    decision: str | None = None
    remedy: str | None = None

    def log(self) -> Log:
        """The log, if it and the progress can be read.

        Raises:
            InputRefused: one of them cannot be.
        """
        is_hidden = self.remedy is not None and self.published is None
        if self.log_start is None or self.log_end is None or is_hidden:
            raise InputRefused(
                f"partition {self.partition} cannot be read: {self.problem}",
                hint=f"{self.remedy}, then decide; --partition N decides for another partition",
            )
        return Log(self.log_start, self.log_end)

    def lag(self) -> int | None:
        """How many offsets are not applied yet; None: not known."""
        if self.log_start is None or self.log_end is None:
            return None
        return max(0, self.log_end - (self.log_start if self.position is None else self.position))


class PositionTable:
    """Reads position, progress and log of all partitions. `log` reads the command topic."""

    def __init__(self, store: Store, log: Fetcher, journal: Journal, *, topic: str, origin: Origin) -> None:
        self._store = store
        self.log = log
        self._journal = journal
        self.topic = topic
        self.origin = origin
        self.names = {number: f"{topic}/{number}" for number in range(origin.partitions)}

    async def show(self) -> list[Row]:
        """All partitions in order."""
        found, damaged = await self.positions()
        away = await self._leaderless()
        there = self.names.keys() - away.keys()
        positions = {number: found.get(name) for number, name in self.names.items() if name not in damaged}
        bounds = await self.log.bounds(there)
        commands, journal = await self._hidden(there)
        # What is hidden in the journal may be a later progress: the one before it proves nothing.
        answers = await self._journal.progress(there - journal.keys())
        foreign = {number: said for number, said in answers.items() if isinstance(said, PositionError)}
        progress = {number: said for number, said in answers.items() if not isinstance(said, PositionError)}
        problems, garbled = await self._problems(
            {number: position for number, position in positions.items() if number in answers},
            {number: done for number, done in progress.items() if number in positions},
        )
        applied = {n: position.next if (position := positions.get(n)) else bounds[n].start for n in commands}
        hindered: dict[int, ContractsError] = {
            n: ForeignTransaction(self.topic, n, offset)
            for n, offset in commands.items()
            if offset <= applied[n]
        }
        noted = await self._store.stops(self.names.values())
        stops = {number: noted[name] for number, name in self.names.items() if name in noted}
        stops |= {number: Stop(str(error), error.decision) for number, error in (foreign | problems).items()}
        not_ours = damaged | garbled
        stops |= {number: not_ours[name] for number, name in self.names.items() if name in not_ours}
        # Nothing can be decided where the progress is not known; a stop of the commands needs its decision.
        hindered = {n: e for n, e in hindered.items() if n not in stops} | journal | away
        stops |= {number: _hindered(error, stops.get(number)) for number, error in hindered.items()}
        return [
            _row(
                number,
                positions.get(number),
                progress.get(number),
                bounds.get(number),
                stops.get(number),
                hindered.get(number),
            )
            for number in self.names
        ]

    async def positions(self) -> tuple[dict[str, Position], dict[str, Stop]]:
        """The stored positions, and the errors of those that cannot be read."""
        return await _understood(self._store.positions, self.names.values())

    async def _leaderless(self) -> dict[int, LogError]:
        """The partitions whose log or journal has no leader."""
        log, journal = await asyncio.gather(
            self.log.leaderless(self.names), self._journal.out_of_reach(self.names)
        )
        return journal | log

    async def _hidden(self, numbers: Collection[int]) -> tuple[dict[int, int], dict[int, ForeignTransaction]]:
        """Where a transaction stays open, in the command topic and, of another program, in the journal."""
        return await asyncio.gather(
            open_from(self.log.bounds, numbers, SHOW_AFTER_SECONDS),
            self._journal.foreign(numbers, SHOW_AFTER_SECONDS),
        )

    async def _problems(
        self, positions: Mapping[int, Position | None], progress: Mapping[int, Progress | None]
    ) -> tuple[dict[int, PositionError], dict[str, Stop]]:
        """Why each partition is stopped or would stop, as far as this is known without a takeover."""
        problems = await problem_of(self.log, self._store, self.origin, self.topic, positions, progress)
        behind = {
            number: (position, done.next)
            for number, position in positions.items()
            if number not in problems
            and position is not None
            and (done := progress.get(number)) is not None
            and done.next < position.next
        }
        names = [position.partition for position, _ in behind.values()]
        slots, damaged = await _understood(self._store.outbox, names)
        holes = {
            number: OutboxHole(*position.topic_partition, progress=published, position=position.next)
            for number, (position, published) in behind.items()
            if chain_of(slots.get(position.partition, ()), position, published) is None
        }
        return problems | holes, damaged


async def _understood(
    ask: Callable[[Collection[str]], Awaitable[Mapping[str, T]]], names: Collection[str]
) -> tuple[dict[str, T], dict[str, Stop]]:
    """The positions with these names. One damaged document does not hide the others."""
    try:
        return dict(await ask(names)), {}
    except ForeignDocument as error:
        if len(names) == 1:
            return {}, dict.fromkeys(names, Stop(str(error), None))
    found, damaged = dict[str, T](), dict[str, Stop]()
    for name in names:
        one, why = await _understood(ask, [name])
        found |= one
        damaged |= why
    return found, damaged


def _row(
    number: int,
    position: Position | None,
    progress: Progress | None,
    bounds: Bounds | None,
    stop: Stop | None,
    hindrance: ContractsError | None,
) -> Row:
    return Row(
        partition=number,
        position=None if position is None else position.next,
        published=None if progress is None else progress.next,
        log_start=bounds and bounds.start,
        log_end=bounds and bounds.stable,
        generation=None if position is None else position.generation,
        problem=stop and stop.problem,
        decision=stop and bounds and _possible(stop.decision, bounds),
        remedy=None if hindrance is None else _remedy(hindrance),
    )


def _hindered(error: ContractsError, stop: Stop | None) -> Stop:
    """The problem of a partition with this hindrance. Until it ends, a stop cannot be decided about."""
    return Stop(str(error) if stop is None else f"{stop.problem}; {error}", None)


def _remedy(error: ContractsError) -> str:
    match error:
        case ForeignTransaction():
            return END_TRANSACTION
        case PartitionMissing():
            return CREATE_TOPICS
        case _:
            return START_BROKERS


def _possible(decision: str | None, bounds: Bounds) -> str | None:
    """The decision; a log that has lost its first commands is not applied from its start."""
    return FROM_CHECKPOINT if decision == PositionMissing.decision and bounds.start > 0 else decision
