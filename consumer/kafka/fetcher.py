"""Reads the partitions of one topic over a connection of its own: one request at a time to each leader.

aiokafka's consumer sends no fetch to a broker while records of any partition lie unread, nor while its last
long poll waits there; it hands out one partition's records first; and it fails forever at a record that it
cannot parse. So only aiokafka's client and its parsers are used here.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from aiokafka.protocol.fetch import FetchRequest

from consumer.errors import BrokerUnavailable, ContractsError, OutOfLog, TopicsMissing
from consumer.kafka.answers import Answer, Fetched, Found, understand
from consumer.kafka.bounds import READ_COMMITTED, READ_UNCOMMITTED, Bounds, look_up
from consumer.kafka.connection import let_go
from consumer.kafka.leaders import NO_LEADER, Leaders

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aiokafka.client import AIOKafkaClient

__all__ = ["Bounds", "Fetched", "Fetcher"]

MISSING_SECONDS: Final = 5.0
"""A topic that is being created is not known to all brokers at once, and an election takes a moment."""

_MIN_PARTITION_BYTES: Final = 64 * 1024
_EARLY_SECONDS: Final = 0.02
"""Rest after a broker that does not wait for records answered with none."""

_REFRESH_SECONDS: Final = 0.1
_STOP_SECONDS: Final = 3.0


class _Asked(NamedTuple):
    """A request under way."""

    task: asyncio.Task[Answer]
    positions: Mapping[int, int]


class Fetcher:
    """Reads one topic.

    Args:
        make_client: makes an unconnected client.
        max_bytes: of one answer.
        committed: leave out what is not committed.
    """

    def __init__(
        self,
        make_client: Callable[[], AIOKafkaClient],
        topic: str,
        *,
        max_bytes: int,
        committed: bool = True,
    ) -> None:
        self.topic = topic
        self._leaders = Leaders(make_client, topic)
        self._max_bytes = max_bytes
        self._isolation = READ_COMMITTED if committed else READ_UNCOMMITTED
        self._asked: dict[int, _Asked] = {}
        self._brought: dict[int, int] = {}
        """Which answer was the last that brought something of a partition."""
        self._answers = 0
        self._moved: set[int] = set()
        """Partitions whose leader says that it is none."""
        self._unknown: set[int] = set()
        """Partitions unknown to a leader: they may have been deleted, and created again with other records
        at the same offsets."""
        self._lost_since: dict[int, float] = {}

    async def start(self) -> None:
        """Connects, or connects again after no broker answered.

        Raises:
            BrokerUnavailable, BrokerDenied: no broker answers, or it refuses us.
        """
        await self._leaders.connect()

    async def stop(self) -> None:
        """Ends the connection; also without a broker."""
        tasks = [asked.task for asked in self._asked.values()]
        self._asked.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        let_go(tasks)
        await self._leaders.close()

    async def partitions(self) -> int:
        """How many partitions the topic has.

        Raises:
            BrokerUnavailable, BrokerDenied: no broker answers, or it refuses us.
            TopicsMissing: there is no such topic.
        """
        await self._leaders.refresh()
        if not (known := self._leaders.known()):
            raise TopicsMissing([self.topic])
        return len(known)

    async def bounds(self, partitions: Collection[int]) -> dict[int, Bounds]:
        """The bounds of these partitions.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer.
            PartitionMissing: the brokers do not know one of them.
        """
        return await look_up(self._leaders, partitions)

    async def fetch(self, positions: Mapping[int, int], *, timeout_ms: int) -> Found:
        """The next records of these partitions, from whichever leader answers first; perhaps none.

        What other leaders answer later is returned by a later call, unless that asks for another offset.
        Cancelling it loses nothing. An error of one partition is returned instead of its records:
        OutOfLog, RecordDamaged, PartitionMissing, BrokerUnavailable.

        Raises:
            BrokerUnavailable, BrokerDenied: no broker answers, or it refuses us.
        """
        for node, numbers in self._by_node(positions).items():
            if node not in self._asked:
                wanted = {number: positions[number] for number in numbers}
                asking = self._find(wanted) if node == NO_LEADER else self._ask(node, wanted, timeout_ms)
                self._asked[node] = _Asked(asyncio.create_task(asking), wanted)
        if not self._asked:
            await asyncio.sleep(timeout_ms / 1000)
            return {}
        tasks = [asked.task for asked in self._asked.values()]
        await asyncio.wait(tasks, timeout=timeout_ms / 1000, return_when=asyncio.FIRST_COMPLETED)
        return self._answered(positions)

    def _by_node(self, positions: Mapping[int, int]) -> dict[int, list[int]]:
        """Whom to ask for which partitions; those that brought nothing for longest come first.

        The broker fills its answer in order, and sends a batch that is larger than a partition's share only
        where nothing comes before it.
        """
        wanted = sorted(
            positions.keys() - self._moved, key=lambda number: (self._brought.get(number, 0), number)
        )
        by_node = self._leaders.of(wanted)
        if moved := positions.keys() & self._moved:
            by_node[NO_LEADER] = [*by_node.get(NO_LEADER, ()), *moved]
        return by_node

    def _answered(self, positions: Mapping[int, int]) -> Found:
        """What has been answered; a failure only when that is nothing, for it will come again."""
        found: Found = {}
        failure: ContractsError | None = None
        for node, asked in list(self._asked.items()):
            if not asked.task.done():
                continue
            del self._asked[node]
            try:
                answer = asked.task.result()
            except ContractsError as error:
                failure = error
                continue
            self._take_note(answer)
            found |= {n: one for n, one in answer.found.items() if positions.get(n) == asked.positions[n]}
        if failure is not None and not found:
            raise failure
        return found

    def _take_note(self, answer: Answer) -> None:
        self._answers += 1
        self._brought |= dict.fromkeys(answer.brought(), self._answers)
        self._moved |= set(answer.moved)
        self._unknown |= set(answer.unknown)
        for number, one in answer.found.items():
            if isinstance(one, Fetched):
                self._lost_since.pop(number, None)
                if number in self._unknown:
                    self._unknown.remove(number)
                    answer.found[number] = OutOfLog(f"{self.topic}/{number} was away, and may be another")

    async def _ask(self, node: int, positions: Mapping[int, int], wait_ms: int) -> Answer:
        rested = monotonic() + min(_EARLY_SECONDS, wait_ms / 1000)
        each = max(_MIN_PARTITION_BYTES, self._max_bytes // len(positions))
        wanted = [(number, offset, each) for number, offset in positions.items()]
        request = FetchRequest(wait_ms, 1, self._max_bytes, self._isolation, [(self.topic, wanted)])
        try:
            response = await self._leaders.send(node, request, f"cannot fetch {self.topic}")
        except BrokerUnavailable as error:
            await self._pause_and_refresh()
            return Answer(dict.fromkeys(self._leaders.of(positions).get(node, ()), error))
        answer = await understand(
            self._leaders, response, positions, committed=self._isolation == READ_COMMITTED
        )
        if not answer.brought():
            await asyncio.sleep(rested - monotonic())
        return answer

    async def _find(self, positions: Mapping[int, int]) -> Answer:
        """Looks who leads these partitions, and tells of those that were lost for long."""
        await self._pause_and_refresh()
        self._moved -= positions.keys()
        self._unknown |= positions.keys() - self._leaders.known()
        now = monotonic()
        since = {number: self._lost_since.setdefault(number, now) for number in positions}
        return Answer({n: self._leaders.why_lost(n) for n in positions if now - since[n] >= MISSING_SECONDS})

    async def _pause_and_refresh(self) -> None:
        await asyncio.sleep(_REFRESH_SECONDS)
        await self._leaders.refresh()
