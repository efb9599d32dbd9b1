"""What a worker does before its first batch, and after any failure, for all its partitions together.

A partition without a leader, or whose journal is hidden by another program's open transaction, is left out,
and so is one with an output that cannot be published: the others do not wait for it.

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
from consumer.engine.outbox import unpublished_slots
from consumer.errors import LogError, PositionError
from consumer.kafka.journal_entries import Progress
from consumer.kafka.journal_tail import Hidden
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


Taken = dict[int, Resumed | PositionError | LogError]
"""What a takeover makes of each partition. A LogError: it was left out; try again when it is
not `out_of_reach`, and after a pause."""


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

    async def run(self, partitions: Collection[int]) -> Taken:
        """Takes these partitions over. One that needs a decision, or cannot be taken over now, has an error.

        Raises:
            StoreError, LogError: try again later.
        """
        # Before the new epoch: else there would be one for each try while MongoDB does not answer.
        taken = await self._left_out(partitions)
        names = {number: f"{self._topic}/{number}" for number in partitions if number not in taken}
        self._life += 1
        self.owner = f"{self._worker}#{self._life}"
        await self._publisher.start()
        self._beat()
        await self._store.claim(names.values(), self.owner)
        ends = await last_words(self._publisher, self._journal, self._worker, names, self._beat)
        tails: dict[int, Tail] = {}
        for number, end in ends.items():
            if isinstance(end, Hidden):
                taken[number] = end.error
            elif end.problem is not None:
                taken[number] = end.problem
            else:
                tails[number] = end
        owned = await self._store.owned(names.values(), self.owner)
        positions = {number: owned.get(names[number]) for number in tails}
        progress = {number: tail.progress for number, tail in tails.items()}
        taken |= await problem_of(self._log, self._store, self._origin, self._topic, positions, progress)
        sound = {number: (positions[number], tail) for number, tail in tails.items() if number not in taken}
        return taken | await self._resume(sound)

    async def _left_out(self, partitions: Collection[int]) -> Taken:
        """The partitions that cannot be claimed."""
        found = await self._store.positions([f"{self._topic}/{number}" for number in partitions])
        old = {p.topic_partition[1]: problem for p in found.values() if (problem := upgrade_problem(p))}
        return {**await self.out_of_reach(partitions), **old}

    async def out_of_reach(self, partitions: Collection[int]) -> dict[int, LogError]:
        """The partitions that cannot be taken over now, and why.

        Without a leader nobody could end a transaction with a claim, and what hides the last claim would hide
        another. An output without a leader holds up the whole transaction that publishes it.

        Raises:
            LogError: no answer.
        """
        return {
            **await self._catching_up.out_of_reach(partitions),
            **await self._journal.out_of_reach(partitions),
            **await self._log.leaderless(partitions),
        }

    async def _resume(self, found: Mapping[int, tuple[Position | None, Tail]]) -> Taken:
        resumed: Taken = {}
        positions = await self._begun({number: position for number, (position, _) in found.items()})
        behind: dict[int, int] = {}
        for number, (_, tail) in found.items():
            position = positions[number]
            committed = position.next if tail.progress is None else tail.progress.next
            resumed[number] = Resumed(position, max(committed, position.next))
            if committed < position.next:
                behind[number] = committed
        chains, holes = await unpublished_slots(self._store, self.owner, positions, behind)
        resumed |= holes
        # In order of their numbers: what is published again has the same order, whoever does it.
        parts = [
            part
            for number, one in sorted(resumed.items())
            if isinstance(one, Resumed)
            for part in _parts(self._worker, number, chains.get(number, ()), one, found[number][1])
        ]
        return resumed | await self._catching_up.publish(parts)

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
    worker: str, number: int, chain: Sequence[OutboxSlot], resumed: Resumed, tail: Tail
) -> Iterator[Part]:
    """The unpublished batches of a partition; without any, only the progress."""
    for reached, frames in [(slot.next, slot.frames) for slot in chain] or [(resumed.publish_from, b"")]:
        yield Part(number, frames, Progress(reached, resumed.position.generation, worker), tail.claims)
