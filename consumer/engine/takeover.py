"""What a worker does before its first batch, and after any failure, for all its partitions together.

It compares P, the position in MongoDB, and C, the last progress in the journal. P is written in one
transaction with the contracts, C in one transaction with the published outputs. So their difference says
exactly what must be done, regardless of what happened before:

    C < P   outputs are not published yet: publish the outbox of [C, P)
    C > P   the database is older (a restored backup): apply [P, C) again, publish nothing
    C = P   continue

In all other cases the partition stops with an error that names the decision. The order of the steps matters:
nothing is read while another worker could still change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.engine.catching_up import CatchingUp, Part
from consumer.engine.checks import problem_of, upgrade_problem
from consumer.engine.claiming import last_words
from consumer.engine.outbox import unpublished
from consumer.errors import PositionError
from consumer.kafka.journal_entries import Progress
from consumer.storage.protocols import Position

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from consumer.engine.checks import Log
    from consumer.kafka.journal import Journal
    from consumer.kafka.journal_tail import Tail
    from consumer.kafka.publisher import Publisher
    from consumer.storage.protocols import Origin, OutboxSlot, Store


class Resumed(NamedTuple):
    """Where to continue: apply from `position` on, publish from `publish_from` on."""

    position: Position
    publish_from: int


class Takeover:
    """Takes partitions over for one worker.

    Args:
        topic: of the commands.
        worker: the worker's id, which is its transactional id, too.
        log: the command topic, to look at.
        beat: called after each step, so that only a stuck step is noticed: together they may take minutes.
    """

    def __init__(
        self,
        *,
        topic: str,
        worker: str,
        origin: Origin,
        store: Store,
        publisher: Publisher,
        journal: Journal,
        log: Log,
        beat: Callable[[], None],
    ) -> None:
        self._topic = topic
        self._worker = worker
        self._origin = origin
        self._store = store
        self._publisher = publisher
        self._journal = journal
        self._log = log
        self._catching_up = CatchingUp(publisher, journal.topic, beat)
        self._beat = beat
        self._life = 0
        self.owner = worker
        """The name with which the worker owns its positions. It is different in each takeover: a delayed
        request of this worker from before the takeover must not match."""

    async def run(self, partitions: Collection[int]) -> dict[int, Resumed | PositionError]:
        """Takes all of them over; a partition that needs a decision has an error instead.

        Raises:
            StoreError, LogError: try again later.
        """
        names = {number: f"{self._topic}/{number}" for number in partitions}
        # This also avoids a new epoch for each try while MongoDB does not answer.
        found = await self._store.positions(names.values())
        old = {p.place[1]: upgrade for p in found.values() if (upgrade := upgrade_problem(p))}
        names = {number: name for number, name in names.items() if number not in old}
        self._life += 1
        self.owner = f"{self._worker}#{self._life}"
        await self._publisher.start()
        self._beat()
        await self._store.claim(names.values(), self.owner)
        tails = await last_words(self._publisher, self._journal, self._worker, names, self._beat)
        positions = await self._store.owned(names.values(), self.owner)
        stopped = await self._stopped(tails, {n: positions.get(name) for n, name in names.items()})
        going_on = {
            number: (positions.get(names[number]), tail)
            for number, tail in tails.items()
            if number not in stopped and not isinstance(tail, PositionError)
        }
        return stopped | old | await self._resume(going_on)

    async def _stopped(
        self, tails: Mapping[int, Tail | PositionError], positions: Mapping[int, Position | None]
    ) -> dict[int, Resumed | PositionError]:
        """The partitions that must stop, each with its error."""
        stopped: dict[int, Resumed | PositionError] = {
            number: tail for number, tail in tails.items() if isinstance(tail, PositionError)
        }
        progress = {n: t.progress for n, t in tails.items() if not isinstance(t, PositionError)}
        return stopped | await problem_of(
            self._log, self._store, self._origin, self._topic, positions, progress
        )

    async def _resume(
        self, found: Mapping[int, tuple[Position | None, Tail]]
    ) -> dict[int, Resumed | PositionError]:
        resumed: dict[int, Resumed | PositionError] = {}
        positions = await self._begun({number: position for number, (position, _) in found.items()})
        behind: dict[int, int] = {}
        for number, (_, tail) in found.items():
            position = positions[number]
            committed = position.next if tail.progress is None else tail.progress.next
            resumed[number] = Resumed(position, max(committed, position.next))
            if committed < position.next:
                behind[number] = committed
        chains, holes = await unpublished(self._store, self.owner, positions, behind)
        resumed |= holes
        # In this order into an output partition that several of them share, whoever publishes it again.
        parts = [
            part
            for number, one in sorted(resumed.items())
            if isinstance(one, Resumed)
            for part in self._parts(number, chains.get(number, ()), one, found[number][1])
        ]
        await self._catching_up.publish(parts)
        return resumed

    async def _begun(self, positions: Mapping[int, Position | None]) -> dict[int, Position]:
        """A position at the start of the log, for partitions without one."""
        fresh = [number for number, position in positions.items() if position is None]
        bounds = await self._log.bounds(fresh) if fresh else {}
        begun = {number: position for number, position in positions.items() if position is not None}
        for number in fresh:
            position = Position(f"{self._topic}/{number}", self._origin, next=bounds[number].start)
            await self._store.begin(position, self.owner)
            begun[number] = position
        return begun

    def _parts(
        self, number: int, chain: Sequence[OutboxSlot], resumed: Resumed, tail: Tail
    ) -> Iterator[Part]:
        """The unpublished batches of a partition; without any, only the progress."""
        for reached, frames in [(slot.next, slot.frames) for slot in chain] or [(resumed.publish_from, b"")]:
            progress = Progress(reached, resumed.position.generation, self._worker)
            yield Part(number, frames, progress, tail.claims)
