"""Publishes what a takeover finds stored and not published, with the progress of all its partitions.

A Kafka transaction that has no answer in time could have none again and again: its outputs are stored, so it
cannot become smaller. The stored batches are then published in several transactions, fewer batches in each,
and a single one that is still too slow may take longer.

One transaction is refused as a whole, and cannot even begin while a partition of it has no leader. So a
partition with such an output is left out, and the others are published without it. A refusal ends the
takeover, and the next one leaves the partition out.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.engine.backoff import without_frames
from consumer.errors import BrokerDenied, PublishInDoubt, PublishRefused
from consumer.kafka.journal_entries import Progress, journal_batch, milliseconds_now
from consumer.kafka.recordbatches import unpack
from consumer.storage.divided import divided

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence

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
        self._targets: dict[int, set[tuple[str, int]]] = {}
        """Where the stored outputs of each partition go; after a takeover only of those that it left out."""
        self._refused: dict[int, LogError] = {}
        """Why Kafka refuses an output of these partitions. The next takeover leaves them out."""
        self._suspects: list[int] = []
        """Partitions of which an output was or may be refused. They are tried one by one, after the others,
        up to the first refusal. The rest is then left out, and that one is tried last the next time."""

    async def publish(self, parts: Sequence[Part]) -> dict[int, LogError]:
        """Publishes the parts: in one transaction, or in several after one without an answer or a refusal.

        Returns those of their partitions that were left out, and why. The parts of a partition stay in order.

        Raises:
            LogError: take over again; the first transactions may be published.
        """
        here = {part.partition for part in parts}
        self._targets = {n: each for n, each in self._targets.items() if n not in here} | _targets(parts)
        left_out = {number: error for number, error in self._refused.items() if number in here}
        left_out |= await self.out_of_reach(here)
        transactions = self._transactions([part for part in parts if part.partition not in left_out])
        for done, some in enumerate(transactions):
            try:
                async with self._beating():
                    await self._publisher.publish(self._batches(some), patient=True)
            except PublishInDoubt as error:
                stored = sum(bool(part.frames) for part in some)
                self._most = max(1, stored // 2)
                if stored == 1 and isinstance(error.__cause__, TimeoutError):
                    self._publisher.patience.grow()
                raise
            except (BrokerDenied, PublishRefused) as error:
                self._note(without_frames(error), _partitions([some]), _partitions(transactions[done:]))
                raise
            self._beat()
        self._most = _ALL
        self._publisher.patience.end()
        self._targets = {n: each for n, each in self._targets.items() if n in left_out or n not in here}
        others = [number for number in self._suspects if number not in here and number not in self._refused]
        refused, self._refused = [*self._refused], {}
        self._suspects = [*others, *refused[1:], *refused[:1]]
        return left_out

    async def out_of_reach(self, partitions: Collection[int]) -> dict[int, LogError]:
        """Those of these partitions of which an output has no leader, as far as its outputs are known."""
        waiting = {number: self._targets[number] for number in partitions if number in self._targets}
        targets = {target for each in waiting.values() for target in each}
        lost = await self._publisher.leaderless(targets) if targets else {}
        return {
            number: lost[target]
            for number, each in waiting.items()
            for target in sorted(lost.keys() & each)[:1]
        }

    def _note(
        self, error: BrokerDenied | PublishRefused, tried: Collection[int], left: Collection[int]
    ) -> None:
        """Which partitions to leave out after a refusal; `left`: those that are not published."""
        suspects = [number for number in self._suspects if number in left]
        if {*tried} <= {*suspects}:
            self._refused |= dict.fromkeys(suspects, error)
            return
        for target in error.targets:
            writers = [number for number in tried if target in self._targets.get(number, ())]
            if len(writers) == 1:
                self._refused[writers[0]] = error
            else:
                self._suspects += [number for number in writers if number not in self._suspects]

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
        usual = [part for part in stored if part.partition not in self._suspects]
        later = [[part] for number in self._suspects for part in stored if part.partition == number]
        first, rest = usual[: self._most], usual[self._most :]
        return [some for some in ([*progress, *first], *divided(rest, self._most), *later) if some]

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


def _partitions(transactions: Iterable[Sequence[Part]]) -> list[int]:
    return list(dict.fromkeys(part.partition for parts in transactions for part in parts))


def _targets(parts: Sequence[Part]) -> dict[int, set[tuple[str, int]]]:
    found: dict[int, set[tuple[str, int]]] = {}
    for part in parts:
        for batch in unpack(part.frames):
            found.setdefault(part.partition, set()).add((batch.topic, batch.partition))
    return found
