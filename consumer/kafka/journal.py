"""Reads the journal: the progress of each partition, and the workers that may still write to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from consumer.errors import (
    BrokerUnavailable,
    ContractsError,
    ForeignTransaction,
    JournalForeign,
    PositionError,
)
from consumer.kafka.fetcher import Fetcher
from consumer.kafka.journal_entries import Claim, Entry, Forgotten, Progress, Release, entry_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

    from aiokafka.client import AIOKafkaClient

READ_SECONDS: Final = 30.0
HIDDEN_SECONDS: Final = 0.3
"""How long a claim may stay hidden, in seconds, before the open transaction in front of it is searched for.
"""

_WAIT_MS: Final = 100
_LOOK_BACK: Final = (16, 256, 4096, 65_536, 1 << 20)


class Tail(NamedTuple):
    """The end of a partition's journal, read back to a claim of this worker.

    `rivals` are the workers that may still have an open transaction, each with its last offset. `is_last`: no
    record of another worker follows the claim. `claims`: the workers of all claims that were read; the next
    progress makes these claims unnecessary.
    """

    progress: Progress | None
    rivals: Mapping[str, int]
    is_last: bool
    claims: Collection[str] = ()


class Journal:
    """Reads the journal.

    Args:
        make_client: makes an unconnected client.
    """

    def __init__(self, make_client: Callable[[], AIOKafkaClient], topic: str) -> None:
        self._make_client = make_client
        self.topic = topic

    async def read_back(self, mine: Mapping[int, int], worker: str) -> dict[int, Tail | PositionError]:
        """The end of each partition, from the last progress on.

        Args:
            mine: offsets of this worker's committed claims.
            worker: id of this worker.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer in time.
            ForeignTransaction: an open transaction of another program hides the end.
        """
        async with self._reader() as reader:
            return await _ReadBack(reader, self._reader, worker).run(mine)

    async def progress(self, partitions: Collection[int]) -> dict[int, Progress | PositionError | None]:
        """The last progress of each partition; it may still change while the service runs.

        JournalForeign instead, if another program has written.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer in time.
        """
        async with self._reader() as reader:
            bounds = await reader.bounds(partitions)
            ends = {number: bound.stable - 1 for number, bound in bounds.items()}
            tails = await _ReadBack(reader, self._reader, "").run(ends)
        return {n: tail if isinstance(tail, PositionError) else tail.progress for n, tail in tails.items()}

    @asynccontextmanager
    async def _reader(self, *, committed: bool = True) -> AsyncIterator[Fetcher]:
        reader = Fetcher(self._make_client, self.topic, max_bytes=1 << 20, committed=committed)
        try:
            await reader.start()
            yield reader
        finally:
            await reader.stop()


def _now() -> float:
    return asyncio.get_running_loop().time()


class _ReadBack:
    """Reads all partitions back, in windows that grow until the last progress is found."""

    def __init__(self, reader: Fetcher, make_reader: Any, worker: str) -> None:
        self._reader = reader
        self._make_reader = make_reader
        self._worker = worker
        self._deadline = _now() + READ_SECONDS

    async def run(self, mine: Mapping[int, int]) -> dict[int, Tail | PositionError]:
        bounds = await self._reader.bounds(mine)
        left, tails = dict(mine), dict[int, Tail | PositionError]()
        for reach in _LOOK_BACK:
            began = {n: max(bounds[n].start, offset - reach) for n, offset in left.items()}
            found = await self._windows(began, left)
            for number, tail in found.items():
                # One that is not the last word is read again anyway.
                known = isinstance(tail, PositionError) or tail.progress is not None or not tail.is_last
                if known or began[number] == bounds[number].start:
                    tails[number] = tail
                    del left[number]
            if not left:
                return tails
        raise BrokerUnavailable(f"{self._reader.topic} has no progress within {_LOOK_BACK[-1]} records")

    async def _windows(
        self, began: Mapping[int, int], mine: Mapping[int, int]
    ) -> dict[int, Tail | PositionError]:
        """One window of each partition."""
        windows = {number: _Window(self._reader.topic, number, mine[number], self._worker) for number in mine}
        at, last, stuck_since = dict(began), dict(mine), _now()
        while at := {number: offset for number, offset in at.items() if offset <= last[number]}:
            if _now() > self._deadline:
                raise BrokerUnavailable(f"the end of {self._reader.topic} cannot be read")
            for number, fetched in (await self._reader.fetch(at, timeout_ms=_WAIT_MS)).items():
                if isinstance(fetched, ContractsError):
                    raise fetched
                if fetched.first == at.get(number) and fetched.next > at[number]:
                    windows[number].add(fetched.records)
                    at[number], stuck_since = fetched.next, _now()
                    # To the end that this answer tells: if compaction has removed a record, the one that
                    # replaces it is before this end.
                    last[number] = max(mine[number], fetched.stable - 1)
            if _now() - stuck_since > HIDDEN_SECONDS:
                if found := await self._hidden(windows, at, mine):
                    return found
                stuck_since = _now()
        return {number: window.tail() for number, window in windows.items()}

    async def _hidden(
        self, windows: Mapping[int, _Window], at: Mapping[int, int], mine: Mapping[int, int]
    ) -> dict[int, Tail | PositionError] | None:
        """The worker whose open transaction is before this worker's claim: it must be fenced.

        None: it is this worker's. A busy broker writes the marker of a committed transaction late.
        """
        async with self._make_reader(committed=False) as reader:
            left = dict(at)
            while left := {number: offset for number, offset in left.items() if offset <= mine[number]}:
                if _now() > self._deadline:
                    raise BrokerUnavailable(f"the end of {self._reader.topic} cannot be read")
                for number, fetched in (await reader.fetch(left, timeout_ms=_WAIT_MS)).items():
                    if isinstance(fetched, ContractsError):
                        raise fetched
                    if fetched.first == left.get(number):
                        windows[number].overhear(fetched.records)
                        left[number] = fetched.next
        tails = {number: window.tail() for number, window in windows.items()}
        hidden = {n: tail for n in at if not isinstance(tail := tails[n], PositionError)}
        others = {number: windows[number].overheard - {self._worker} for number in hidden}
        if unnamed := [number for number, names in others.items() if names == {None}]:
            partition = f"{self._reader.topic}/{unnamed[0]}"
            raise ForeignTransaction(f"a transaction that is none of ours is open in {partition}")
        if not any(others.values()):
            return None
        return tails | {number: tail._replace(is_last=False) for number, tail in hidden.items()}


class _Window:
    """What was read of one partition."""

    def __init__(self, topic: str, partition: int, mine: int, worker: str) -> None:
        self._place = topic, partition
        self._mine = mine
        self._worker = worker
        self._progress: Progress | None = None
        self._rivals: dict[str, int] = {}
        self._claims: set[str] = set()
        self._is_last = True
        self._foreign: JournalForeign | None = None
        self.overheard: set[str | None] = set()
        """The worker whose records cannot be read yet; None: it is not a worker."""

    def add(self, records: Any) -> None:
        """Committed records, in order."""
        for record in records:
            try:
                entry = entry_of(record.key, record.value)
            except ValueError:
                self._foreign = JournalForeign(*self._place, offset=record.offset)
                continue
            self._take(entry, record.offset)

    def _take(self, entry: Entry | Forgotten, offset: int) -> None:
        match entry:
            case Progress():
                # The worker that wrote it has already ended the transactions of the claims before it.
                self._progress, self._rivals, self._foreign = entry, {entry.by: offset}, None
            case Release():
                self._progress = Progress(entry.next, entry.generation, entry.by)
                self._rivals.pop(entry.by, None)
            case Claim():
                self._rivals[entry.by] = offset
                self._claims.add(entry.by)
            case Forgotten():
                self._claims.discard(entry.worker)
                return
        if offset > self._mine and entry.by != self._worker:
            self._is_last = False

    def overhear(self, records: Any) -> None:
        """Records of open and aborted transactions: only their workers."""
        for record in records:
            try:
                entry = entry_of(record.key, record.value)
            except ValueError:
                self.overheard.add(None)
                continue
            # A tombstone has no worker; the progress after it has.
            if not isinstance(entry, Forgotten):
                self.overheard.add(entry.by)
                self._rivals[entry.by] = record.offset

    def tail(self) -> Tail | PositionError:
        if self._foreign is not None:
            return self._foreign
        rivals = {name: offset for name, offset in self._rivals.items() if name != self._worker}
        return Tail(self._progress, rivals, self._is_last, frozenset(self._claims))
