"""What a worker does before its first batch, and after any failure or doubt, for all its partitions at once.

Two facts were written by two systems: P, the position in MongoDB, and C, the last progress in the journal.
Each moved in one transaction with what belongs to it: P with the state, C with the published outputs. So
the difference between the two says exactly what is left to do, whatever happened before:

    C < P   the state is ahead: publish the outbox of [C, P)
    C > P   the database went back (a restored backup, a lost tail): apply [P, C) again, publish nothing
    C = P   go on

Everything else is not guessed: the partition stops with an error that names the decisions. The order of the
steps matters: nothing is read before it can no longer change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.engine.checks import problem_of, upgrade_problem
from consumer.engine.claiming import last_words
from consumer.errors import Fenced, OutboxHole, PositionError
from consumer.kafka.journal_entries import Progress, journal_batch, milliseconds_now
from consumer.kafka.recordbatches import unpack
from consumer.storage.protocols import Position

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from consumer.engine.checks import Log
    from consumer.kafka.journal import Journal, Tail
    from consumer.kafka.publisher import Publisher
    from consumer.kafka.recordbatches import RecordBatch
    from consumer.storage.protocols import Origin, OutboxSlot, Store


class Resumed(NamedTuple):
    """Where to go on: fold from `position`, publish what lies at or after `publish_from`."""

    position: Position
    publish_from: int


class Takeover:
    """Takes partitions over for one worker.

    Args:
        topic: of the commands.
        worker: the worker's id, which is its transactional id, too.
        log: the command topic, to look at.
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
    ) -> None:
        self._topic = topic
        self._worker = worker
        self._origin = origin
        self._store = store
        self._publisher = publisher
        self._journal = journal
        self._log = log
        self._life = 0
        self.owner = worker
        """Under which name the worker owns its positions. Each takeover has a name of its own: a request of
        the worker's own from before, still on its way to MongoDB, must not find what it expects."""

    async def run(self, partitions: Collection[int]) -> dict[int, Resumed | PositionError]:
        """Takes all of them over; a partition that waits for a decision has its error in the answer.

        Raises:
            StoreError, LogError: try again later.
        """
        names = {number: f"{self._topic}/{number}" for number in partitions}
        # This also keeps us from wearing out epochs while the store is away.
        found = await self._store.positions(names.values())
        old = {p.place[1]: upgrade for p in found.values() if (upgrade := upgrade_problem(p))}
        names = {number: name for number, name in names.items() if number not in old}
        self._life += 1
        self.owner = f"{self._worker}#{self._life}"
        await self._publisher.start()
        await self._store.claim(names.values(), self.owner)
        tails = await last_words(self._publisher, self._journal, self._worker, names)
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
        outputs, holes = await self._unpublished(positions, behind)
        resumed |= holes
        entries = [
            self._progress(number, one, found[number][1])
            for number, one in resumed.items()
            if isinstance(one, Resumed)
        ]
        await self._publisher.publish([*outputs, *entries])
        return resumed

    async def _begun(self, positions: Mapping[int, Position | None]) -> dict[int, Position]:
        """Where there is no position yet, one at the start of the log."""
        fresh = [number for number, position in positions.items() if position is None]
        bounds = await self._log.bounds(fresh) if fresh else {}
        begun = {number: position for number, position in positions.items() if position is not None}
        for number in fresh:
            position = Position(f"{self._topic}/{number}", self._origin, next=bounds[number].start)
            await self._store.begin(position, self.owner)
            begun[number] = position
        return begun

    async def _unpublished(
        self, positions: Mapping[int, Position], behind: Mapping[int, int]
    ) -> tuple[list[RecordBatch], dict[int, Resumed | PositionError]]:
        """The outputs that are stored and not published, and the partitions where some are missing."""
        names = [positions[number].partition for number in behind]
        slots = await self._store.outbox(names) if names else {}
        now = await self._store.owned(names, self.owner) if names else {}
        outputs: list[RecordBatch] = []
        holes: dict[int, Resumed | PositionError] = {}
        # In this order into an output partition that several of them share, whoever publishes it again.
        for number, committed in sorted(behind.items()):
            position = positions[number]
            if now[position.partition] != position:
                # A hole may then be only a look at two moments; one that is real will be there again.
                raise Fenced(f"{position.partition} was moved or set back during the takeover")
            chain = chain_of(slots.get(position.partition, ()), position, committed)
            if chain is None:
                holes[number] = OutboxHole(*position.place, progress=committed, position=position.next)
            else:
                outputs += [batch for slot in chain for batch in unpack(slot.frames)]
        return outputs, holes

    def _progress(self, number: int, resumed: Resumed, tail: Tail) -> RecordBatch:
        entry = Progress(resumed.publish_from, resumed.position.generation, self._worker)
        now = milliseconds_now()
        return journal_batch(self._journal.topic, number, entry, now, forgotten=tail.claims)


def chain_of(slots: Sequence[OutboxSlot], position: Position, committed: int) -> list[OutboxSlot] | None:
    """The slots that cover [committed, position) without a hole, in order; None: there is a hole."""
    chain: list[OutboxSlot] = []
    reached = committed
    for slot in slots:
        if slot.generation == position.generation and slot.first == reached < position.next:
            chain.append(slot)
            reached = slot.next
    return chain if reached == position.next else None
