"""Applies the command log with this program to a second database, while the service runs.

It publishes nothing and joins no group. The parts of the engine fetch, decode, fold and store. The outputs
that they would publish are compared with the published ones, and the documents that they store with those
of the service.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Final

from consumer.engine.takeover import Resumed
from consumer.errors import ContractsError, InputRefused, PositionError
from consumer.kafka.recordbatches import outputs_in
from consumer.operator.shadow_state import StateComparison
from consumer.operator.shadow_tallies import Tallies, TallyComparison
from consumer.storage.protocols import Position

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from consumer.engine.partition import Partition
    from consumer.engine.storing import Storing
    from consumer.kafka.fetcher import Fetcher
    from consumer.kafka.journal import Journal
    from consumer.kafka.journal_entries import Progress
    from consumer.operator.differences import Difference
    from consumer.operator.shadow_outputs import OutputComparison
    from consumer.storage.mongo import MongoStore

WAIT_MS: Final = 200
MOST_WAITING: Final = 20_000
"""Maximum number of outputs of one side that wait in memory for the other side."""

READ_AT_ONCE: Final = 200
"""Published records read before it is counted again what waits."""

PUBLISHED_SECONDS: Final = 30.0
"""How long to wait until the service has published its stored outputs."""

OWNER: Final = "shadow"


@dataclass(frozen=True, slots=True)
class Report:
    """How much was compared, and the differences, in the order of the log.

    `uncounted` are the partitions whose tallies and movements were not compared, because the service began to
    count them after the place where the shadow began.
    """

    commands: int
    documents: int
    outputs: int
    differences: tuple[Difference, ...]
    uncounted: tuple[int, ...]


class Shadow:
    """One comparison.

    Args:
        made: the store of the service.
        would: the store of the shadow: empty at the start, or restored from a checkpoint.
        restored: the positions of that checkpoint.
        partitions: fresh ones, by number, which store into the shadow.
        outputs: compares what is published.
        home: the partition of an account.
        on_progress: called after each batch with the number of commands applied.
    """

    def __init__(
        self,
        *,
        topic: str,
        made: MongoStore,
        would: MongoStore,
        restored: Mapping[int, Position],
        fetcher: Fetcher,
        journal: Journal,
        partitions: Mapping[int, Partition],
        storing: Storing,
        outputs: OutputComparison,
        home: Callable[[bytes], int],
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._topic = topic
        self._made = made
        self._would = would
        self._restored = restored
        self._fetcher = fetcher
        self._journal = journal
        self._partitions = partitions
        self._storing = storing
        self._outputs = outputs
        self._home = home
        self._on_progress = on_progress
        self._commands = 0

    async def run(self, published: Callable[[], AsyncIterator[object]]) -> Report:
        """Applies the log up to the service's present positions, and compares.

        `published`: the records of all output topics up to now, asked for when all of them are there.

        Raises:
            InputRefused: the log does not begin at its start any more, or the service has not begun.
            PositionError: a partition cannot be applied.
            StoreError, LogError: a server does not answer.
        """
        made = await Tallies.of(self._made, self._topic)
        ends = await self._begin(made.positions)
        await until_published(self._journal, ends)
        records = published()
        while waiting := [n for n, p in self._partitions.items() if p.position.next < ends[n]]:
            await self._apply(waiting, ends)
            await self._read(records)
        async for record in records:
            self._outputs.published(record)
        self._outputs.finish()
        reached = {n: p.position.base() + p.position.next for n, p in self._partitions.items()}
        state = StateComparison(self._made.database, self._would.database, reached, self._home)
        tallies = TallyComparison(made, await Tallies.of(self._would, self._topic))
        found = [*await state.run(), *self._outputs.differences, *tallies.run()]
        found.sort(key=lambda one: one.order)
        documents = state.compared + tallies.compared
        return Report(
            self._commands, documents, self._outputs.compared, tuple(found), tuple(tallies.uncounted)
        )

    async def _begin(self, found: Mapping[str, Position]) -> dict[int, int]:
        """Sets the shadow's positions to where it begins. Returns how far the service is, at `found`."""
        names = {number: f"{self._topic}/{number}" for number in self._partitions}
        bounds = await self._fetcher.bounds(list(names))
        await self._would.claim(names.values(), OWNER)
        self._storing.owner = OWNER
        ends = {}
        for number, name in names.items():
            position = _position(name, found)
            fresh = self._restored.get(number) or Position(name, position.origin, next=0)
            _refuse_other_log(position, fresh, bounds[number].start)
            await self._would.begin(fresh, OWNER)
            self._partitions[number].go_on_from(Resumed(fresh, fresh.next))
            ends[number] = position.next
        return ends

    async def _apply(self, waiting: Sequence[int], ends: Mapping[int, int]) -> None:
        hungry = {n: p.intake.next for n in waiting if not (p := self._partitions[n]).intake.waiting}
        if hungry:
            for number, fetched in (await self._fetcher.fetch(hungry, timeout_ms=WAIT_MS)).items():
                if isinstance(fetched, ContractsError):
                    raise fetched
                end = ends[number]
                records = [record for record in fetched.records if record.offset < end]
                cut = fetched._replace(records=records, next=min(fetched.next, end))
                self._partitions[number].take_in(cut, asyncio.get_running_loop().time())
        for number in hungry:  # only markers of transactions are left up to the end
            partition = self._partitions[number]
            if not partition.intake.waiting and partition.intake.next == ends[number]:
                partition.position = replace(partition.position, next=ends[number])
        ready = [p for n in waiting if (p := self._partitions[n]).intake.waiting]
        if not ready:
            return
        for stored in await self._storing.store(0, ready):
            number = stored.partition.number
            stored.partition.publication.unpublished = 0
            self._commands += len(stored.timestamps)
            self._on_progress(len(stored.timestamps))
            self._outputs.would(number, list(outputs_in(stored.outputs or ())), stored.position.next)
        for partition in ready:
            if partition.error is not None:
                raise partition.error

    async def _read(self, records: AsyncIterator[object]) -> None:
        while self._outputs.waiting and self._outputs.ahead < MOST_WAITING:
            for _ in range(READ_AT_ONCE):  # to count what waits takes longer than to read a record
                if (record := await anext(records, None)) is None:
                    return
                self._outputs.published(record)


def _position(name: str, found: Mapping[str, Position]) -> Position:
    if name not in found:
        raise InputRefused(f"{name} has no position yet: the service has applied nothing of it")
    return found[name]


def _refuse_other_log(made: Position, would: Position, log_start: int) -> None:
    """Refuses to begin where the log does not lead to the position of the service.

    Raises:
        InputRefused: commands are missing in between, or it is another log.
    """
    logs = [(each.partition, each.generation, each.origin) for each in (made, would)]
    if logs[0] != logs[1] or made.next < would.next:
        raise InputRefused(
            f"{made.partition} cannot be applied from there to the service's position: it is another log, or "
            f"offset {would.next} is after it"
        )
    if log_start > would.next:
        raise InputRefused(
            f"{made.partition} begins later: commands before offset {log_start} were deleted, and cannot be "
            "applied again",
            hint="`--from FOLDER` begins at a checkpoint",
        )


async def until_published(journal: Journal, ends: Mapping[int, int]) -> None:
    """Waits until the service has published everything up to there.

    Raises:
        InputRefused: it has not.
    """
    began = monotonic()
    while True:
        told = await journal.progress(list(ends))
        late = [number for number, end in ends.items() if _published(told[number]) < end]
        if not late:
            return
        if monotonic() - began > PUBLISHED_SECONDS:
            raise InputRefused(
                f"partitions {late} have stored outputs that are not published: is the service running?"
            )
        await asyncio.sleep(WAIT_MS / 1000)


def _published(progress: Progress | PositionError | None) -> int:
    if isinstance(progress, PositionError):
        raise progress
    return 0 if progress is None else progress.next
