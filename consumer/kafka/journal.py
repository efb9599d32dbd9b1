"""Reads the journal: the progress of each partition, and the workers that may still write to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from consumer.errors import BrokerUnavailable, ContractsError, ForeignTransaction, RecordDamaged
from consumer.kafka.bounds import open_from
from consumer.kafka.damage import DAMAGE_PAUSE_SECONDS, REREAD_SECONDS
from consumer.kafka.fetcher import Fetched, Fetcher
from consumer.kafka.journal_tail import Author, Hidden, Window, authors_of, following

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

    from aiokafka.client import AIOKafkaClient

    from consumer.errors import LogError, PositionError
    from consumer.kafka.journal_entries import Progress
    from consumer.kafka.journal_tail import End

READ_SECONDS: Final = 30.0
FIRST_SECONDS: Final = 5.0
"""How long the first records of open transactions are waited for."""

SEARCH_AFTER_SECONDS: Final = 0.3
"""How long a claim may stay hidden, in seconds, before the open transaction in front of it is searched for.
"""

_WAIT_MS: Final = 100
_LOOK_BACK: Final = (16, 256, 4096, 65_536, 1 << 20)
"""Where a window begins, in offsets before the claim: the last progress is mostly close."""


class Journal:
    """Reads the journal.

    Args:
        make_client: makes an unconnected client.
    """

    def __init__(self, make_client: Callable[[], AIOKafkaClient], topic: str) -> None:
        self._make_client = make_client
        self.topic = topic
        self._hidden: dict[int, Hidden] = {}
        """Where another program's open transaction was before the last claim."""

    async def read_back(self, mine: Mapping[int, int], worker: str) -> dict[int, End]:
        """The end of each partition, from the last progress on.

        Args:
            mine: offsets of this worker's committed claims.
            worker: id of this worker.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer in time.
        """
        async with self._reader() as reader:
            ends = await ReadBack(reader, self._reader, worker).run(mine)
        for number, end in ends.items():
            self._hidden.pop(number, None)
            if isinstance(end, Hidden):
                self._hidden[number] = end
        return ends

    async def progress(self, partitions: Collection[int]) -> dict[int, Progress | PositionError | None]:
        """The last progress of each partition; it may still change while the service runs.

        JournalForeign or JournalDamaged instead, if it cannot be known.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer in time.
            ForeignTransaction: what was the end is hidden now by a transaction of another program.
        """
        async with self._reader() as reader:
            bounds = await reader.bounds(partitions)
            ends = {number: bound.stable - 1 for number, bound in bounds.items()}
            found = await ReadBack(reader, self._reader, "").run(ends)
        return {number: _progress(end) for number, end in found.items()}

    async def out_of_reach(self, partitions: Collection[int]) -> dict[int, LogError]:
        """The partitions without a leader, and those whose last claim the same transaction still hides.

        What hides it after that may be of a worker that is gone, which only a takeover ends.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer.
        """
        async with self._reader() as reader:
            found = await reader.leaderless(partitions)
            hidden = {n: end for n, end in self._hidden.items() if n in partitions and n not in found}
            with suppress(BrokerUnavailable):  # then these wait, and not the others
                bounds = await reader.bounds(hidden) if hidden else {}
                hidden = {n: e for n, e in hidden.items() if bounds[n].stable == e.start < bounds[n].end}
        return found | {number: end.error for number, end in hidden.items()}

    async def foreign(self, partitions: Collection[int], seconds: float) -> dict[int, ForeignTransaction]:
        """The partitions in which another program's transaction stays open for these `seconds`.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer.
        """
        async with self._reader() as reader:
            starts = await open_from(reader.bounds, partitions, seconds)
        found: dict[int, ForeignTransaction] = {}
        until = _now() + FIRST_SECONDS
        async with self._reader(committed=False) as reader:
            while starts and _now() < until:
                for number, fetched in (await reader.fetch(starts, timeout_ms=_WAIT_MS)).items():
                    offset = starts.pop(number)
                    if isinstance(fetched, Fetched) and Author(offset, None) in authors_of(fetched):
                        found[number] = ForeignTransaction(self.topic, number, offset)
        return found

    @asynccontextmanager
    async def _reader(self, *, committed: bool = True) -> AsyncIterator[Fetcher]:
        reader = Fetcher(self._make_client, self.topic, max_bytes=1 << 20, committed=committed)
        try:
            await reader.start()
            yield reader
        finally:
            await reader.stop()


def _progress(end: End) -> Progress | PositionError | None:
    if isinstance(end, Hidden):
        raise end.error
    return end.problem or end.progress


def _now() -> float:
    return asyncio.get_running_loop().time()


class ReadBack:
    """Reads the end of each partition: a window that begins before this worker's claim.

    A window without the last progress is read again from farther back.

    Args:
        reader: connected; returns committed records.
        make_reader: makes one that also returns records of open transactions, with `committed=False`.
        worker: id of this worker.
    """

    def __init__(self, reader: Fetcher, make_reader: Any, worker: str) -> None:
        self._reader = reader
        self._make_reader = make_reader
        self._worker = worker
        self._reread_until = _now() + REREAD_SECONDS
        self._deadline = _now() + READ_SECONDS

    async def run(self, claims: Mapping[int, int]) -> dict[int, End]:
        """The tail of each partition. `claims` are the offsets of this worker's claims.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer in time.
        """
        first = {number: bounds.start for number, bounds in (await self._reader.bounds(claims)).items()}
        ends: dict[int, End] = {}
        for reach in _LOOK_BACK:
            windows = {
                number: Window(
                    (self._reader.topic, number), max(first[number], claim - reach), claim, self._worker
                )
                for number, claim in claims.items()
                if number not in ends
            }
            await self._read(windows)
            await self._reread_damaged(windows)
            for number, window in windows.items():
                if window.suffices or window.start == first[number]:
                    ends[number] = window.end()
            if len(ends) == len(claims):
                return ends
        raise BrokerUnavailable(f"{self._reader.topic} has no progress within {_LOOK_BACK[-1]} records")

    async def _reread_damaged(self, windows: dict[int, Window]) -> None:
        """Reads damaged windows again for some time: another replica may be intact."""
        while damaged := {number: window.again() for number, window in windows.items() if window.is_damaged}:
            if _now() > self._reread_until:
                return
            await asyncio.sleep(DAMAGE_PAUSE_SECONDS)
            await self._read(damaged)
            windows |= damaged

    async def _read(self, windows: Mapping[int, Window]) -> None:
        """Reads each window to its end, or as far as damage or another worker's transaction allows."""
        last_news = _now()
        unread = dict(windows)
        while unread := {number: window for number, window in unread.items() if not window.is_read}:
            at = {number: window.at for number, window in unread.items()}
            for number, found in (await self._next(self._reader, at)).items():
                if unread[number].read(found):
                    last_news = _now()
            if _now() - last_news > SEARCH_AFTER_SECONDS:
                unread = await self._to_read_on(unread)
                last_news = _now()

    async def _to_read_on(self, windows: Mapping[int, Window]) -> dict[int, Window]:
        """Those of which more can be read: no damage or other worker's open transaction is before the claim.

        That worker must be fenced, and the claim be written and read again. A transaction of this worker ends
        by itself: a busy broker writes the marker of a committed transaction late.
        """
        for window in windows.values():
            window.note_lost()
        # One that does not wait has had no answer yet.
        if waiting := {number: window for number, window in windows.items() if window.waits}:
            await self._overhear(waiting)
        if not self._worker and any(window.is_contested for window in windows.values() if not window.is_read):
            raise BrokerUnavailable(f"the end of {self._reader.topic} cannot be read")
        return {n: each for n, each in windows.items() if not (each.is_damaged or each.is_contested)}

    async def _overhear(self, windows: Mapping[int, Window]) -> None:
        """Reads what is hidden before the claims, until it is known to be of another program."""
        at = {number: window.stable for number, window in windows.items()}
        async with self._make_reader(committed=False) as reader:
            while at := {
                number: offset
                for number, offset in at.items()
                if offset <= windows[number].claim
                and not windows[number].is_damaged
                and not windows[number].is_read
            }:
                for number, found in (await self._next(reader, at)).items():
                    if isinstance(found, RecordDamaged):
                        windows[number].note_damage(found.offset)
                    else:
                        windows[number].overhear(authors_of(found))
                    at[number] = following(found)

    async def _next(self, reader: Fetcher, at: Mapping[int, int]) -> dict[int, Fetched | RecordDamaged]:
        """What some of these partitions have at these offsets; answers to earlier requests are left out."""
        if _now() > self._deadline:
            raise BrokerUnavailable(f"the end of {self._reader.topic} cannot be read")
        answers: dict[int, Fetched | RecordDamaged] = {}
        for number, found in (await reader.fetch(at, timeout_ms=_WAIT_MS)).items():
            if isinstance(found, RecordDamaged):
                asked = found.offset
            elif isinstance(found, ContractsError):
                raise found
            else:
                asked = found.first
            if at.get(number) == asked:
                answers[number] = found
        return answers
