"""Kafka in virtual time: logs with transactions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiokafka.record.default_records import DefaultRecordBatch

from consumer.kafka.fetcher import Bounds
from tests.simulation.log import Log
from tests.simulation.transactions import Coordinator
from tests.unit.engine.logs import TOPIC, Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.kafka.recordbatches import RecordBatch
    from tests.simulation.chaos import Chaos
    from tests.simulation.log import Transaction

JOURNAL: Final = "contracts.positions"


class Broker:
    """The brokers together.

    Args:
        committed: called for each partition that gets a commit marker, with what was committed there.
    """

    def __init__(self, chaos: Chaos, committed: Callable[[Log, list[Any]], None]) -> None:
        self.logs: dict[tuple[str, int], Log] = {}
        self.transactions = Coordinator(self, chaos, committed)
        self.leaderless: set[tuple[str, int]] = set()
        """Partitions that have no leader: nobody can read or write them, or end a transaction in them."""
        self.refusing: set[tuple[str, int]] = set()
        """Partitions that take no records, as if each were too large."""
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    def markers_wait(self) -> bool:
        """Whether a committed transaction has not all its markers yet."""
        return any(one.committed for log in self.logs.values() for one in log.open)

    def log(self, topic: str, partition: int) -> Log:
        """The log of a partition; all partitions are there."""
        found = self.logs.get((topic, partition))
        if found is None:
            found = self.logs[topic, partition] = Log(topic, partition)
        return found

    def bounds(self, topic: str, partition: int) -> Bounds:
        """As a client is told them."""
        log = self.log(topic, partition)
        return Bounds(0, log.stable, log.end)

    def send(self, record: Any) -> None:
        """A command of another service."""
        log = self.log(TOPIC, record.partition)
        log.last_time = max(log.last_time, record.timestamp)
        log.append(record._replace(offset=log.end, timestamp=log.last_time))
        self.wake(TOPIC)

    def news(self, topic: str) -> asyncio.Future[None]:
        """Done as soon as there is something new to read in a topic."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(topic, []).append(waiter)
        return waiter

    def wake(self, topic: str) -> None:
        """There is something new to read in a topic."""
        for waiter in self._waiting.pop(topic, ()):
            if not waiter.done():
                waiter.set_result(None)

    def append(self, batch: RecordBatch, transaction: Transaction) -> int:
        """The offset of the first record of a batch, which is now part of a transaction."""
        log = self.log(batch.topic, batch.partition)
        if batch.topic not in (TOPIC, JOURNAL):
            return log.append(batch, transaction)
        first = log.end
        for one in DefaultRecordBatch(bytes(batch.body)):
            place = (batch.topic, batch.partition, log.end, log.last_time)
            log.append(Record(*place, one.key, one.value, tuple(one.headers)), transaction)
        return first
