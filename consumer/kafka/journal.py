"""Reads the journal: the progress of each partition, and the workers that may still write to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from consumer.errors import (
    BrokerUnavailable,
    ContractsError,
    ForeignTransaction,
    PositionError,
    RecordDamaged,
)
from consumer.kafka.damage import DAMAGE_PAUSE_SECONDS, REREAD_SECONDS
from consumer.kafka.fetcher import Fetcher
from consumer.kafka.journal_tail import Tail, Window, following

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

    from aiokafka.client import AIOKafkaClient

    from consumer.errors import LogError
    from consumer.kafka.fetcher import Fetched
    from consumer.kafka.journal_entries import Progress

READ_SECONDS: Final = 30.0
HIDDEN_SECONDS: Final = 0.3
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
            return await ReadBack(reader, self._reader, worker).run(mine)

    async def progress(self, partitions: Collection[int]) -> dict[int, Progress | PositionError | None]:
        """The last progress of each partition; it may still change while the service runs.

        JournalForeign or JournalDamaged instead, if it cannot be known.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer in time.
        """
        async with self._reader() as reader:
            bounds = await reader.bounds(partitions)
            ends = {number: bound.stable - 1 for number, bound in bounds.items()}
            tails = await ReadBack(reader, self._reader, "").run(ends)
        return {n: tail if isinstance(tail, PositionError) else tail.progress for n, tail in tails.items()}

    async def leaderless(self, partitions: Collection[int]) -> dict[int, LogError]:
        """The partitions without a leader, as Fetcher.leaderless."""
        async with self._reader() as reader:
            return await reader.leaderless(partitions)

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

    async def run(self, claims: Mapping[int, int]) -> dict[int, Tail | PositionError]:
        """The tail of each partition. `claims` are the offsets of this worker's claims.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer in time.
            ForeignTransaction: an open transaction of another program hides the end.
        """
        first = {number: bounds.start for number, bounds in (await self._reader.bounds(claims)).items()}
        tails: dict[int, Tail | PositionError] = {}
        for reach in _LOOK_BACK:
            windows = {
                number: Window(
                    (self._reader.topic, number), max(first[number], claim - reach), claim, self._worker
                )
                for number, claim in claims.items()
                if number not in tails
            }
            await self._read(windows)
            await self._reread_damaged(windows)
            for number, window in windows.items():
                if window.suffices or window.start == first[number]:
                    tails[number] = window.tail()
            if len(tails) == len(claims):
                return tails
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
        """Reads all windows to the end, or until one is hidden by another worker's open transaction."""
        last_news = _now()
        while unread := {number: window for number, window in windows.items() if not window.is_read}:
            at = {number: window.at for number, window in unread.items()}
            for number, found in (await self._next(self._reader, at)).items():
                if unread[number].read(found):
                    last_news = _now()
            if _now() - last_news > HIDDEN_SECONDS:
                if await self._are_hidden(unread):
                    return
                last_news = _now()

    async def _are_hidden(self, windows: Mapping[int, Window]) -> bool:
        """Whether another worker's open transaction, or damage, is before a claim.

        That worker must be fenced, and all claims be written and read again. False: it is a transaction of
        this worker. A busy broker writes the marker of a committed transaction late.
        """
        for window in windows.values():
            window.note_lost()
        if not any(window.is_damaged for window in windows.values()):
            await self._overhear(windows)
        others = {number: window.overheard - {self._worker} for number, window in windows.items()}
        if foreign := [number for number, names in others.items() if names == {None}]:
            partition = f"{self._reader.topic}/{foreign[0]}"
            raise ForeignTransaction(f"a transaction that is none of ours is open in {partition}")
        if not any(others[number] or window.is_damaged for number, window in windows.items()):
            return False
        for window in windows.values():
            window.hide()
        return True

    async def _overhear(self, windows: Mapping[int, Window]) -> None:
        """Reads up to the claims, also records that are not committed."""
        at = {number: window.at for number, window in windows.items()}
        async with self._make_reader(committed=False) as reader:
            while at := {
                number: offset
                for number, offset in at.items()
                if offset <= windows[number].claim and not windows[number].is_damaged
            }:
                for number, found in (await self._next(reader, at)).items():
                    windows[number].overhear(found)
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
