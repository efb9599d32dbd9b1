"""The clients of one process over the simulated broker, with the interfaces that the engine uses."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from consumer.errors import BrokerUnavailable, LogError, RecordDamaged
from consumer.kafka.fetcher import Bounds, Fetched
from consumer.kafka.journal import Journal
from tests.simulation.broker import JOURNAL
from tests.simulation.calls import READ

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from tests.simulation.broker import Broker
    from tests.simulation.calls import Caller

LEADERS: Final = 2
_LATER_SHARE: Final = 0.3


class _Request(NamedTuple):
    """A fetch that one leader has not answered yet."""

    positions: dict[int, int]
    answer_at: float
    until: float


class SimulatedFetcher:
    """In the place of a Fetcher: one request at a time to each leader, answered perhaps to a later call."""

    def __init__(self, caller: Caller, topic: str, *, committed: bool = True) -> None:
        self._caller = caller
        self._broker: Broker = caller.world.broker
        self._chaos = caller.world.chaos
        self.topic = topic
        self._committed = committed
        self._started = False
        self._asked: dict[int, _Request] = {}

    async def start(self) -> None:
        if not self._started:
            await self._caller.call("connect", lambda: None, BrokerUnavailable, READ)
            self._started = True

    async def stop(self) -> None:
        self._started = False
        self._asked.clear()

    async def bounds(self, partitions: Collection[int]) -> dict[int, Bounds]:
        for error in (await self.leaderless(partitions)).values():
            raise error
        return await self._caller.call(
            "bounds",
            lambda: {number: self._broker.bounds(self.topic, number) for number in sorted(partitions)},
            BrokerUnavailable,
            READ,
        )

    async def leaderless(self, partitions: Collection[int]) -> dict[int, LogError]:
        self._check()
        lost = [number for number in partitions if (self.topic, number) in self._broker.leaderless]
        return {number: _no_leader(self.topic, number) for number in lost}

    async def fetch(self, positions: Mapping[int, int], *, timeout_ms: int) -> dict[int, Any]:
        self._check()
        now = asyncio.get_running_loop().time()
        for leader in range(LEADERS):
            wanted = {number: at for number, at in positions.items() if number % LEADERS == leader}
            if wanted and leader not in self._asked:
                until = now + timeout_ms / 1000
                later = self._chaos.latency() if self._chaos.chance(_LATER_SHARE) else 0.0
                self._asked[leader] = _Request(wanted, now + later, until)
        return await self._answers(now + timeout_ms / 1000)

    async def _answers(self, until: float) -> dict[int, Any]:
        """Those of the first leader that answers."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            for leader, request in list(self._asked.items()):
                if request.answer_at <= now and (found := self._read(request, now)):
                    del self._asked[leader]
                    return await self._caller.call("fetch", lambda f=found: f, BrokerUnavailable, READ)
            if now >= until or not self._asked:
                await self._caller.alive()
                return {}
            await self._news(
                min(until, *(r.answer_at if r.answer_at > now else r.until for r in self._asked.values()))
            )

    async def _news(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        waiter = self._broker.news(self.topic)
        timer = loop.call_at(until, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()

    def _read(self, request: _Request, now: float) -> dict[int, Fetched | LogError]:
        """What a leader answers; nothing: it waits for a first record."""
        found: dict[int, Fetched | LogError] = {}
        for number, first in request.positions.items():
            log = self._broker.log(self.topic, number)
            if (self.topic, number) in self._broker.leaderless:
                found[number] = _no_leader(self.topic, number)
                continue
            if first in log.damaged:
                found[number] = RecordDamaged(self.topic, number, first, first + 1)
                continue
            records, following = log.read(
                first, self._chaos.sizes.fetched, committed=self._committed, beyond=self._chaos.chance(0.5)
            )
            found[number] = Fetched(first, records, following, log.stable, log.end)
        some = any(isinstance(one, LogError) or one.next > one.first for one in found.values())
        return found if some or now >= request.until else {}

    def _check(self) -> None:
        if not self._started:
            raise BrokerUnavailable(f"the connection for {self.topic} has ended")


def _no_leader(topic: str, number: int) -> LogError:
    return BrokerUnavailable(f"{topic}/{number} has no leader")


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class SimulatedJournal(Journal):
    """The real journal; only its connections are simulated."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(_no_client, JOURNAL)
        self._caller = caller

    @asynccontextmanager
    async def _reader(self, *, committed: bool = True) -> AsyncIterator[Any]:
        reader = SimulatedFetcher(self._caller, JOURNAL, committed=committed)
        await reader.start()
        yield reader


def _no_client() -> Any:
    raise AssertionError("a simulated process connects to nothing")
