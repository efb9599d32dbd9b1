"""Applies the command log with this program to a second database, while the service runs.

It publishes nothing and joins no group. The parts of the engine fetch, decode, fold and store. The outputs
that they would publish are compared with the published ones, and the documents that they store with those
of the service.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

from consumer.errors import InputRefused, PositionError
from consumer.operator.shadow_applying import WAIT_MS
from consumer.operator.shadow_begin import begin, refuse_log_created_again
from consumer.operator.shadow_records import Span
from consumer.operator.shadow_state import StateComparison
from consumer.operator.shadow_tallies import Tallies, TallyComparison

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from consumer.kafka.journal import Journal
    from consumer.kafka.journal_entries import Progress
    from consumer.kafka.tail import TopicReader
    from consumer.operator.differences import Difference, Found
    from consumer.operator.shadow_applying import Applying
    from consumer.operator.shadow_outputs import OutputComparison
    from consumer.operator.shadow_records import Foreign, Lane
    from consumer.storage.mongo import MongoStore
    from consumer.storage.protocols import Position

MOST_WAITING: Final = 20_000
"""Maximum number of outputs of one side that wait in memory for the other side."""

READ_AT_ONCE: Final = 200
"""Published records read before it is counted again what waits."""

PUBLISHED_SECONDS: Final = 30.0
"""How long to wait until the service has published its stored outputs."""


@dataclass(frozen=True, slots=True)
class Report:
    """How much was compared, how much differs, and the first differences, in the order of the log.

    `uncounted` are the partitions whose tallies and movements were not compared, because the service began to
    count them after the place where the shadow began. `deleted`: by topic and partition of the command, the
    offset of the first command whose outputs were compared, where earlier ones were deleted. `foreign`:
    records in the topics of outputs that the service has not written, by topic and partition.
    """

    commands: int
    documents: int
    outputs: int
    found: int
    differences: tuple[Difference, ...]
    uncounted: tuple[int, ...]
    deleted: Mapping[Lane, int]
    foreign: Mapping[tuple[str, int], Foreign]


class Shadow:
    """One comparison.

    Args:
        made: the store of the service.
        would: the store of the shadow: empty at the start, or restored from a checkpoint.
        restored: the positions of that checkpoint.
        applying: applies the log into it.
        outputs: compares what is published, and puts what differs into `found`.
        home: the partition of an account.
        on_begun: called once both servers have answered.
    """

    def __init__(
        self,
        *,
        topic: str,
        made: MongoStore,
        would: MongoStore,
        restored: Mapping[int, Position],
        journal: Journal,
        applying: Applying,
        outputs: OutputComparison,
        found: Found,
        home: Callable[[bytes], int],
        on_begun: Callable[[], None] = lambda: None,
    ) -> None:
        self._topic = topic
        self._made = made
        self._would = would
        self._restored = restored
        self._journal = journal
        self._applying = applying
        self._outputs = outputs
        self._found = found
        self._home = home
        self._on_begun = on_begun

    async def run(self, published: TopicReader) -> Report:
        """Applies the log up to the service's present positions, and compares.

        `published` reads all output topics, from their beginning.

        Raises:
            InputRefused: the log does not begin at its start any more, was cut meanwhile, or the service
                has not begun.
            PositionError: a partition cannot be applied.
            StoreError, LogError: a server does not answer.
        """
        made = await Tallies.of(self._made, self._topic)
        ends = await self._begin(made.positions)
        await until_published(self._journal, ends)
        records = published.to_end()
        while self._applying.waiting:
            await self._applying.apply()
            await self._read(records, published)
        for partition in self._applying.partitions.values():
            would = partition.position
            refuse_log_created_again(made.positions[would.partition], would)
        async for record in records:
            self._outputs.published(record)
            if len(self._outputs.doubts) > READ_AT_ONCE:
                self._outputs.resolve_doubts(await published.starts())
        self._outputs.finish()
        reached = {n: p.position.base() + p.position.next for n, p in self._applying.partitions.items()}
        state = StateComparison(self._made.database, self._would.database, reached, self._home)
        for doubt in self._outputs.missing_states():
            # A newer one, after what is read here, may have replaced it.
            if not await state.changed_since(doubt.would.record.key.decode(), doubt.lane.partition):
                self._outputs.doubts.append(doubt)
        self._outputs.resolve_doubts(await published.starts())
        await state.run(self._found)
        tallies = TallyComparison(made, await Tallies.of(self._would, self._topic))
        for one in tallies.run():
            self._found.add(one)
        return Report(
            commands=self._applying.commands,
            documents=state.compared + tallies.compared,
            outputs=self._outputs.compared,
            found=self._found.count,
            differences=self._found.first(),
            uncounted=tuple(tallies.uncounted),
            deleted=self._outputs.deleted,
            foreign=self._outputs.foreign,
        )

    async def _begin(self, found: Mapping[str, Position]) -> dict[int, int]:
        """Sets the shadow's positions to where it begins. Returns how far the service is, at `found`."""
        applying = self._applying
        pairs = await begin(
            self._topic,
            applying.partitions,
            found,
            self._restored,
            applying.fetcher,
            self._journal,
            self._made,
        )
        ends = {number: position.next for number, (position, _) in pairs.items()}
        await applying.begin([fresh for _, fresh in pairs.values()], ends)
        self._outputs.begin({number: _span(fresh, ends[number]) for number, (_, fresh) in pairs.items()})
        self._on_begun()
        return ends

    async def _read(self, records: AsyncIterator[object], published: TopicReader) -> None:
        while self._outputs.waiting and self._outputs.ahead < MOST_WAITING:
            for _ in range(READ_AT_ONCE):  # to count what waits takes longer than to read a record
                if (record := await anext(records, None)) is None:
                    self._outputs.finish()
                    break
                self._outputs.published(record)
        if self._outputs.doubts:
            self._outputs.resolve_doubts(await published.starts())


def _span(begun: Position, until: int) -> Span:
    """The commands that are compared, where the shadow began at `begun`."""
    after = begun.last.timestamp if begun.last is not None and begun.generation > 1 else 0
    return Span(begun.base(), begun.next, until, after)


async def until_published(journal: Journal, ends: Mapping[int, int]) -> None:
    """Waits until the service has published everything up to there.

    Raises:
        InputRefused: it has not.
    """
    began = monotonic()
    while True:
        progress = await journal.progress(list(ends))
        late = [number for number, end in ends.items() if _published(progress[number]) < end]
        if not late:
            return
        if monotonic() - began > PUBLISHED_SECONDS:
            raise _unpublished(late, [number for number in late if progress[number] is None])
        await asyncio.sleep(WAIT_MS / 1000)


def _unpublished(late: Sequence[int], unknown: Sequence[int]) -> InputRefused:
    if unknown:
        return InputRefused(
            f"the journal has no entry of partitions {unknown}: it is not known what is published",
            hint="see `contracts positions show`",
        )
    return InputRefused(
        f"partitions {late} have stored outputs that are not published: is the service running?"
    )


def _published(progress: Progress | PositionError | None) -> int:
    if isinstance(progress, PositionError):
        raise progress
    return 0 if progress is None else progress.next
