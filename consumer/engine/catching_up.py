"""Publishes what a takeover finds stored and not published, with the progress of all its partitions.

A Kafka transaction that has no answer in time could have none again and again: its outputs are stored, so it
cannot become smaller. The stored batches are then published in several transactions, fewer batches in each,
and a single one that is still too slow may take longer.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.errors import PublishInDoubt
from consumer.kafka.journal_entries import Progress, journal_batch, milliseconds_now
from consumer.kafka.recordbatches import unpack
from consumer.storage.divided import divided

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Sequence

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

    async def publish(self, parts: Sequence[Part]) -> None:
        """Publishes all parts, in this order: in one transaction, or in several after one without an answer.

        Raises:
            LogError: take over again; the first transactions may be published.
        """
        for some in self._transactions(parts):
            try:
                async with self._beating():
                    await self._publisher.publish(self._batches(some), patient=True)
            except PublishInDoubt as error:
                stored = sum(bool(part.frames) for part in some)
                self._most = max(1, stored // 2)
                if stored == 1 and isinstance(error.__cause__, TimeoutError):
                    self._publisher.patience.grow()
                raise
            self._beat()
        self._most = _ALL
        self._publisher.patience.end()

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
        first, rest = stored[: self._most], stored[self._most :]
        return [some for some in ([*progress, *first], *divided(rest, self._most)) if some]

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
