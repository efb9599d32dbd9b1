"""The service's loops, store and scanner, on a log in memory whose clock the test sets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import bson
from aiokafka.record.default_records import DefaultRecordBatch

from consumer.domain.model import Policy
from consumer.metrics import Metrics
from consumer.pipeline.applier import Applier, Limits
from consumer.pipeline.cache import CacheBudget, ContractCache
from consumer.pipeline.decoder import Decoder
from consumer.pipeline.encoder import Encoder
from consumer.pipeline.homes import murmur2_home
from consumer.pipeline.partition import PartitionLoop
from consumer.pipeline.reader import Fetched
from consumer.storage.documents import CODEC, history_document, position_document
from consumer.storage.memory import MemoryStore
from consumer.storage.protocols import Origin
from consumer.storage.queries import Due
from devstack.proof.records import LogRecord, State
from producers.backlog import Standing
from producers.commands import Home, Sent
from producers.messages import command_message
from producers.scanner import SOURCE, Scanner
from schemas.topics import COMMANDS
from tests.scanner.fakes import FakeLease

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from datetime import datetime

    from consumer.storage.memory import Stored
    from producers.messages import CommandMessage
    from producers.recordbatches import RecordBatch

PARTITIONS = 2
MAX_WAITING = 1_000
"""Commands in a partition above which the scanner waits: fewer than are due after a long pause."""


class Log:
    """The command topic, the group's offsets, and what was published since somebody last took it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.records: list[list[LogRecord]] = [[] for _ in range(PARTITIONS)]
        self.news = [asyncio.Event() for _ in range(PARTITIONS)]
        self.committed: list[int | None] = [None] * PARTITIONS
        self.done = asyncio.Condition()
        self._published: list[LogRecord] = []
        self._outputs = 0

    def append(self, message: CommandMessage) -> LogRecord:
        """Writes a command at `now`."""
        partition = murmur2_home(message.key, PARTITIONS)
        offset = len(self.records[partition])
        time = round(self.now.timestamp() * 1000)
        record = LogRecord(
            COMMANDS, partition, offset, time, message.key, message.value, list(message.headers)
        )
        self.records[partition].append(record)
        self.news[partition].set()
        return record

    async def publish(self, partition: int, batches: Iterable[RecordBatch], offset: int) -> None:
        """A transaction: outputs, and how far the group has come."""
        for batch in batches:
            for one in DefaultRecordBatch(bytes(batch.body)):
                self._outputs += 1
                place = (batch.topic, batch.partition, self._outputs, one.timestamp)
                self._published.append(LogRecord(*place, one.key, one.value, list(one.headers)))
        self.committed[partition] = offset
        async with self.done:
            self.done.notify_all()

    async def at_rest(self) -> None:
        """Waits until everything in the log is applied and published."""
        async with self.done:
            await self.done.wait_for(lambda: self.committed == [len(each) for each in self.records])

    def taken(self) -> list[LogRecord]:
        """What was published since the last call."""
        taken, self._published = self._published, []
        return taken


class Reader:
    """In the place of a PartitionReader."""

    topic = COMMANDS

    def __init__(self, log: Log, partition: int) -> None:
        self.partition = partition
        self._log = log
        self._next = 0

    async def fetch(self, *, max_records: int, timeout_ms: int) -> Fetched:
        records, news = self._log.records[self.partition], self._log.news[self.partition]
        while self._next == len(records):
            news.clear()
            await news.wait()
        found = records[self._next : self._next + max_records]
        self._next += len(found)
        return Fetched(found, self._next)

    async def bounds(self) -> tuple[int, int]:
        return 0, len(self._log.records[self.partition])

    async def committed(self) -> int | None:
        return self._log.committed[self.partition]

    async def settled(self, offset: int | None) -> int | None:
        return await self.committed()

    def seek(self, offset: int) -> None:
        self._next = offset

    def end(self) -> int:
        return len(self._log.records[self.partition])

    async def open(self) -> None: ...

    async def close(self) -> None: ...


class Results:
    """In the place of a ResultLog; this coordinator is never wrong."""

    async def last(self) -> None: ...


class Publisher:
    """In the place of a Publisher."""

    def __init__(self, log: Log, partition: int) -> None:
        self._log = log
        self._partition = partition

    async def start(self) -> None: ...

    async def publish(self, batches: Iterable[RecordBatch], offset: int) -> None:
        await self._log.publish(self._partition, batches, offset)

    async def discard(self) -> None: ...


class Asked:
    """What the scanner asks the database, and the producer and backlog that it works with."""

    def __init__(self, log: Log, store: MemoryStore) -> None:
        self._log = log
        self._store = store
        self._known: dict[str, tuple[Stored, Due | None]] = {}

    async def due(self, now: datetime, size: int) -> AsyncIterator[list[Due]]:
        rows = filter(None, map(self._due, self._store.current.items()))
        found = sorted(row for row in rows if row.due_at <= now)
        for at in range(0, len(found), size):
            yield found[at : at + size]

    def _due(self, current: tuple[str, Stored]) -> Due | None:
        account, stored = current
        known = self._known.get(account)
        if known is None or known[0] is not stored:
            moment = bson.decode(stored.document, CODEC)["lifecycle"]["next_action_at"]
            known = (stored, None if moment is None else Due(moment, account, stored.contract_id))
            self._known[account] = known
        return known[1]

    def message(self, name: str, account_id: str, data: Any, *, command_id: str) -> CommandMessage:
        at = self._log.now
        return command_message(name, account_id, data, source=SOURCE, command_id=command_id, at=at)

    async def home(self, message: CommandMessage) -> Home:
        return Home(murmur2_home(message.key, PARTITIONS), PARTITIONS)

    async def publish_all(self, messages: Iterable[CommandMessage]) -> list[Sent]:
        sent = [(message, self._log.append(message)) for message in messages]
        return [
            Sent(message.command_id, message.account_id, COMMANDS, at.partition, at.offset, at.timestamp)
            for message, at in sent
        ]

    async def standings(self, partitions: int) -> dict[int, Standing]:
        await asyncio.sleep(0)
        return {
            partition: Standing(self._store.positions[f"{COMMANDS}/{partition}"].next, len(records))
            for partition, records in enumerate(self._log.records)
        }


class Service:
    """The loops of all partitions, and scanners that run when they are told to."""

    def __init__(self, start: datetime) -> None:
        self.log = Log(start)
        self.store = MemoryStore()
        self._metrics = Metrics()
        self._asked = Asked(self.log, self.store)

    def scanner(self) -> Scanner:
        """One of maybe several, that knows the test's time."""
        asked: Any = self._asked
        return Scanner(
            asked,
            asked,
            asked,
            FakeLease(1_000_000),
            metrics=self._metrics,
            max_waiting=MAX_WAITING,
            clock=lambda: self.log.now,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        """The loops at work; a loop that fails ends the block."""
        async with asyncio.TaskGroup() as group:
            loops = [self._loop(partition) for partition in range(PARTITIONS)]
            tasks = [group.create_task(loop.run()) for loop in loops]
            yield self
            for loop in loops:
                loop.stop()
            await asyncio.wait(tasks)

    def _loop(self, partition: int) -> PartitionLoop:
        owner = f"owner of {partition}"
        applier = Applier(
            self.store,
            Encoder(partition),
            owner=owner,
            policy=Policy(),
            limits=Limits(),
            cache=ContractCache(CacheBudget(1 << 28)),
            compression="none",
            metrics=self._metrics,
        )
        stand_ins: Any = {
            "reader": Reader(self.log, partition),
            "results": Results(),
            "publisher": Publisher(self.log, partition),
        }
        return PartitionLoop(
            **stand_ins,
            store=self.store,
            applier=applier,
            owner=owner,
            origin=Origin("cluster", "group", PARTITIONS),
            make_decoder=lambda base: Decoder(PARTITIONS, base=base),
            metrics=self._metrics,
            beat=lambda: None,
        )

    def state(self) -> State:
        """Everything that is stored, as the driver would return it."""
        store = self.store
        return State(
            [bson.decode(stored.document, CODEC) for stored in store.current.values()],
            [bson.decode(document, CODEC) for document in store.former_documents],
            [history_document(entry) for entry in store.history.values()],
            [{"_id": name, **position_document(each)} for name, each in store.positions.items()],
            {partition: offset or 0 for partition, offset in enumerate(self.log.committed)},
        )
