"""Where database, journal and log of each partition stand, and what does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consumer.engine.checks import problem_of
from consumer.engine.takeover import chain_of
from consumer.errors import OutboxHole, PositionError
from consumer.storage.protocols import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.kafka.fetcher import Bounds, Fetcher
    from consumer.kafka.journal import Journal
    from consumer.kafka.journal_entries import Progress
    from consumer.storage.protocols import Origin, Position, Store


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


class PositionTable:
    """Tells where database, journal and log stand. `log` is of the commands."""

    def __init__(self, store: Store, log: Fetcher, journal: Journal, *, topic: str, origin: Origin) -> None:
        self._store = store
        self.log = log
        self._journal = journal
        self.topic = topic
        self.origin = origin
        self.names = {number: f"{topic}/{number}" for number in range(origin.partitions)}

    async def show(self) -> list[Row]:
        """All partitions in order."""
        names = self.names
        found = await self._store.positions(names.values())
        positions = {number: found.get(name) for number, name in names.items()}
        told = await self._journal.progress(names)
        foreign = {number: said for number, said in told.items() if isinstance(said, PositionError)}
        progress = {number: said for number, said in told.items() if not isinstance(said, PositionError)}
        problems = foreign | await self._problems(positions, progress)
        noted = await self._store.stops(names.values())
        stops = {number: noted[name] for number, name in names.items() if name in noted}
        stops |= {number: Stop(str(error), error.decision) for number, error in problems.items()}
        bounds = await self.log.bounds(names)
        return [
            _row(number, positions[number], progress.get(number), bounds[number], stops.get(number))
            for number in names
        ]

    async def _problems(
        self, positions: Mapping[int, Position | None], progress: Mapping[int, Progress | None]
    ) -> dict[int, PositionError]:
        """What would stop each partition, as far as it shows without taking it over."""
        problems = await problem_of(self.log, self._store, self.origin, self.topic, positions, progress)
        behind = {
            number: (position, done.next)
            for number, position in positions.items()
            if number not in problems
            and position is not None
            and (done := progress.get(number)) is not None
            and done.next < position.next
        }
        slots = await self._store.outbox([position.partition for position, _ in behind.values()])
        return problems | {
            number: OutboxHole(*position.place, progress=published, position=position.next)
            for number, (position, published) in behind.items()
            if chain_of(slots.get(position.partition, ()), position, published) is None
        }


def _row(
    number: int,
    position: Position | None,
    progress: Progress | None,
    bounds: Bounds,
    stop: Stop | None,
) -> Row:
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
