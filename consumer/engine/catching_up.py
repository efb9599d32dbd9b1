"""Publishes what a takeover finds stored and not published, with the progress of all its partitions.

A Kafka transaction that has no answer in time could have none again and again: its outputs are stored, so it
cannot become smaller. The stored batches are then published in several transactions, fewer batches in each,
and a single one that is still too slow may take longer.

One transaction is refused as a whole, and cannot even begin while a partition of it has no leader. So a
partition with such an output is left out, and the others are published without it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.engine.backoff import without_frames
from consumer.errors import BrokerUnavailable, PublishInDoubt, PublishRefused
from consumer.kafka.journal_entries import Progress, journal_batch, milliseconds_now
from consumer.kafka.recordbatches import unpack
from consumer.storage.divided import divided

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

    from consumer.errors import LogError
    from consumer.kafka.publisher import Publisher
    from consumer.kafka.recordbatches import RecordBatch

_ALL: Final = 1 << 30

BEAT_SECONDS: Final = 10.0
"""Time between two beats during a transaction, which may take longer than the health check allows a step."""


class Part(NamedTuple):
    """A stored batch of one partition, and the progress when it is published.

    `frames`: its outputs, packed; empty: only the progress is written. `forgotten`: workers whose claims are
    no longer needed then.
    """

    partition: int
    frames: bytes
    progress: Progress
    forgotten: Collection[str]


class CatchingUp:
    """Publishes the parts of a takeover.

    Args:
        publisher: started by the takeover.
        journal: name of the journal's topic.
        beat: called during each transaction and after it.
    """

    def __init__(self, publisher: Publisher, journal: str, beat: Callable[[], None]) -> None:
        self._publisher = publisher
        self._journal = journal
        self._beat = beat
        self._most = _ALL
        self._targets: Mapping[int, set[tuple[str, int]]] = {}
        """The partitions of the outputs, by the partition that they are of: what is to be published, and then
        what was left out of it."""
        self._refused: dict[int, LogError] = {}
        """Partitions that Kafka takes an output of from nobody, until an operator acts."""
        self._again: set[int] = set()
        """Those of the last time. They are tried together, after the others."""
        self._alone: set[int] = set()
        """Those of which at least one is refused. Each is tried in a transaction of its own."""

    async def publish(self, parts: Sequence[Part]) -> dict[int, LogError]:
        """Publishes the parts, in this order: in one transaction, or in several after one without an answer.

        Returns the partitions that were left out, and why.

        Raises:
            LogError: take over again; the first transactions may be published.
        """
        self._targets = _targets(parts)
        left_out = self._refused | await self.out_of_reach(self._targets)
        for some in self._transactions([part for part in parts if part.partition not in left_out]):
            try:
                async with self._beating():
                    await self._publisher.publish(self._batches(some), patient=True)
            except PublishInDoubt as error:
                stored = sum(bool(part.frames) for part in some)
                self._most = max(1, stored // 2)
                if stored == 1 and isinstance(error.__cause__, TimeoutError):
                    self._publisher.patience.grow()
                raise
            except PublishRefused as error:
                self._note(error, {part.partition for part in some})
                raise
            self._beat()
        self._most = _ALL
        self._publisher.patience.end()
        self._targets = {number: self._targets[number] for number in left_out if number in self._targets}
        self._again, self._alone, self._refused = {*self._refused}, set(), {}
        return left_out

    async def out_of_reach(self, partitions: Collection[int]) -> dict[int, LogError]:
        """Those of these partitions of which an output has no leader, as far as its outputs are known."""
        waiting = {number: self._targets[number] for number in partitions if number in self._targets}
        targets = {target for each in waiting.values() for target in each}
        lost = await self._publisher.leaderless(targets) if targets else set()
        return {
            number: BrokerUnavailable(f"{topic}/{output} has no leader")
            for number, each in waiting.items()
            for topic, output in sorted(lost & each)[:1]
        }

    def _note(self, error: PublishRefused, partitions: Collection[int]) -> None:
        """Which of the partitions of a refused transaction are to blame."""
        error = without_frames(error)
        for target in error.targets:
            writers = {number for number in partitions if target in self._targets.get(number, ())}
            if len(writers) == 1:
                self._refused |= dict.fromkeys(writers, error)
            else:
                self._alone |= writers

    @asynccontextmanager
    async def _beating(self) -> AsyncIterator[None]:
        beats = asyncio.create_task(self._beats())
        try:
            yield
        finally:
            beats.cancel()

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._beat()

    def _transactions(self, parts: Sequence[Part]) -> list[Sequence[Part]]:
        """What only writes progress costs nothing, and is in the first one."""
        stored = [part for part in parts if part.frames]
        progress = [part for part in parts if not part.frames]
        alone = [part for part in stored if part.partition in self._alone]
        again = [part for part in stored if part.partition in self._again - self._alone]
        usual = [part for part in stored if part.partition not in self._again | self._alone]
        first, rest = usual[: self._most], usual[self._most :]
        rest_of_all = [*divided(rest, self._most), *divided(again, self._most), *divided(alone, 1)]
        return [some for some in ([*progress, *first], *rest_of_all) if some]

    def _batches(self, parts: Sequence[Part]) -> list[RecordBatch]:
        # Of two batches of a partition, the later one has the progress.
        reached = {part.partition: part for part in parts}
        now = milliseconds_now()
        return [
            *(batch for part in parts for batch in unpack(part.frames)),
            *(
                journal_batch(self._journal, number, part.progress, now, forgotten=part.forgotten)
                for number, part in reached.items()
            ),
        ]


def _targets(parts: Sequence[Part]) -> dict[int, set[tuple[str, int]]]:
    found: dict[int, set[tuple[str, int]]] = {}
    for part in parts:
        for batch in unpack(part.frames):
            found.setdefault(part.partition, set()).add((batch.topic, batch.partition))
    return found
