"""Reads the partitions of one topic over separate connections: one request at a time to each leader.

aiokafka's consumer sends no fetch to a broker while records of one partition are unread, or while its last
request waits there. It returns the records of one partition first, and it fails forever at a record that it
cannot parse. So only aiokafka's client and its parsers are used here.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from aiokafka.protocol.fetch import FetchRequest

from consumer.errors import BrokerUnavailable, ContractsError, TopicsMissing
from consumer.kafka.answers import Answer, Fetched, Found, understand
from consumer.kafka.bounds import READ_COMMITTED, READ_UNCOMMITTED, Bounds, leaderless, look_up
from consumer.kafka.connection import let_go
from consumer.kafka.leaders import NO_LEADER, Leaders
from consumer.kafka.whereabouts import Whereabouts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aiokafka.client import AIOKafkaClient

    from consumer.errors import LogError

__all__ = ["Bounds", "Fetched", "Fetcher"]

_MIN_PARTITION_BYTES: Final = 64 * 1024
_EARLY_SECONDS: Final = 0.02
"""Pause after an empty answer of a broker that does not wait for records."""

_STOP_SECONDS: Final = 3.0


class _Asked(NamedTuple):
    """A running request."""

    task: asyncio.Task[Answer]
    positions: Mapping[int, int]


class Fetcher:
    """Reads one topic.

    Args:
        make_client: makes an unconnected client.
        max_bytes: of one answer.
        committed: return only committed records.
    """

    def __init__(
        self, make_client: Callable[[], AIOKafkaClient], topic: str, *, max_bytes: int, committed: bool = True
    ) -> None:
        self.topic = topic
        self._leaders = Leaders(make_client, topic)
        self._max_bytes = max_bytes
        self._isolation = READ_COMMITTED if committed else READ_UNCOMMITTED
        self._asked: dict[int, _Asked] = {}
        self._whereabouts = Whereabouts(self._leaders)

    async def start(self) -> None:
        """Connects, also again after no broker answered.

        Raises:
            BrokerUnavailable, BrokerDenied: no broker answers, or it refuses access.
        """
        await self._leaders.connect()

    async def stop(self) -> None:
        """Closes the connection; also without a broker."""
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
            BrokerUnavailable, BrokerDenied: no broker answers, or it refuses access.
            TopicsMissing: there is no such topic.
        """
        await self._leaders.refresh()
        if not (known := self._leaders.known()):
            raise TopicsMissing([self.topic])
        return len(known)

    async def bounds(self, partitions: Collection[int]) -> dict[int, Bounds]:
        """As `look_up` of bounds.py, with its errors."""
        return await look_up(self._leaders, partitions)

    async def leaderless(self, partitions: Collection[int]) -> dict[int, LogError]:
        """As `leaderless` of bounds.py, with its errors."""
        return await leaderless(self._leaders, partitions)

    async def fetch(self, positions: Mapping[int, int], *, timeout_ms: int) -> Found:
        """The next records of these partitions, from the leader that answers first; may be empty.

        Later answers of other leaders are returned by a later call, unless that asks for other offsets.
        Cancelling it loses nothing. An error of one partition is returned instead of its records:
        OutOfLog, RecordDamaged, PartitionMissing, BrokerUnavailable.

        Raises:
            BrokerUnavailable, BrokerDenied: no broker answers, or it refuses access.
        """
        for node, numbers in self._whereabouts.by_node(positions).items():
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

    def _answered(self, positions: Mapping[int, int]) -> Found:
        """Finished answers. An error is raised only if there is no answer; it will occur again."""
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
            self._whereabouts.take_note(answer, asked.positions)
            found |= {n: one for n, one in answer.found.items() if positions.get(n) == asked.positions[n]}
        if failure is not None and not found:
            raise failure
        return found

    async def _ask(self, node: int, positions: Mapping[int, int], wait_ms: int) -> Answer:
        rested = monotonic() + min(_EARLY_SECONDS, wait_ms / 1000)
        request = _request(self.topic, positions, wait_ms, self._max_bytes, self._isolation)
        try:
            response = await self._leaders.send(node, request, f"cannot fetch {self.topic}")
        except BrokerUnavailable as error:
            await self._leaders.refresh_soon()
            return Answer(dict.fromkeys(self._leaders.of(positions).get(node, ()), error))
        answer = await understand(
            self._leaders, response, positions, committed=self._isolation == READ_COMMITTED
        )
        if not answer.brought():
            await asyncio.sleep(rested - monotonic())
        return answer

    async def _find(self, positions: Mapping[int, int]) -> Answer:
        """Looks who leads these partitions, and reports those that were lost for long."""
        await self._leaders.refresh_soon()
        return self._whereabouts.looked_for(positions)


def _request(
    topic: str, positions: Mapping[int, int], wait_ms: int, max_bytes: int, isolation: int
) -> FetchRequest:
    each = max(_MIN_PARTITION_BYTES, max_bytes // len(positions))
    wanted = [(number, offset, each) for number, offset in positions.items()]
    return FetchRequest(wait_ms, 1, max_bytes, isolation, [(topic, wanted)])
