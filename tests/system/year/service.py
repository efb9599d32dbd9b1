"""The service's worker, store and scanner, on a log in memory whose clock the test sets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import bson
from aiokafka.record.default_records import DefaultRecordBatch

from consumer.domain.commands.advance import SOURCE
from consumer.domain.model import Policy
from consumer.engine.cache import CacheBudget, ContractCache
from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.engine.partition import Limits, Partition
from consumer.engine.publishing import Publishing
from consumer.engine.reading import Reading
from consumer.engine.storing import Storing
from consumer.engine.takeover import Takeover
from consumer.engine.worker import Worker
from consumer.kafka.fetcher import Bounds, Fetched
from consumer.kafka.journal import Tail
from consumer.kafka.journal_entries import Progress, entry_of
from consumer.storage.documents import CODEC, history_document, position_document
from consumer.storage.memory import MemoryStore
from consumer.storage.protocols import Origin
from consumer.storage.queries import Due
from consumer.telemetry.metrics import Metrics
from devstack.proof.records import LogRecord, State
from producers.backlog import Standing
from producers.commands import Home, Sent
from producers.messages import command_message
from producers.scanner import Scanner
from schemas.partitioning import murmur2_home
from schemas.topics import COMMANDS, POSITIONS
from tests.unit.producers.fakes import FakeLease

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from consumer.kafka.recordbatches import RecordBatch
    from consumer.storage.memory_batch import Stored
    from producers.messages import CommandMessage

PARTITIONS = 2
MAX_WAITING = 1_000
"""Commands in a partition above which the scanner waits: fewer than are due after a long pause."""


class Log:
    """The command topic, the journal, and what was published since somebody last took it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.records: list[list[LogRecord]] = [[] for _ in range(PARTITIONS)]
        self.news = asyncio.Event()
        self.progress: list[Progress | None] = [None] * PARTITIONS
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
        self.news.set()
        return record

    async def publish(self, batches: Iterable[RecordBatch]) -> None:
        """A transaction: outputs, and how far they have come."""
        for batch in batches:
            for one in DefaultRecordBatch(bytes(batch.body)):
                if batch.topic == POSITIONS:
                    self._take_progress(batch.partition, entry_of(one.key, one.value))
                    continue
                self._outputs += 1
                place = (batch.topic, batch.partition, self._outputs, one.timestamp)
                self._published.append(LogRecord(*place, one.key, one.value, list(one.headers)))
        async with self.done:
            self.done.notify_all()

    def _take_progress(self, partition: int, entry: Any) -> None:
        if isinstance(entry, Progress):
            self.progress[partition] = entry

    @property
    def published(self) -> list[int]:
        """How far each partition has come."""
        return [0 if entry is None else entry.next for entry in self.progress]

    async def at_rest(self) -> None:
        """Waits until everything in the log is applied and published."""
        async with self.done:
            await self.done.wait_for(lambda: self.published == [len(each) for each in self.records])

    def taken(self) -> list[LogRecord]:
        """What was published since the last call."""
        taken, self._published = self._published, []
        return taken


class Fetcher:
    """In the place of a Fetcher."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def fetch(self, positions: Mapping[int, int], *, timeout_ms: int) -> dict[int, Fetched]:
        while not (found := dict(self._found(positions))):
            self._log.news.clear()
            await self._log.news.wait()
        return found

    def _found(self, positions: Mapping[int, int]) -> Iterator[tuple[int, Fetched]]:
        for partition, first in positions.items():
            records = self._log.records[partition]
            end = len(records)
            if first < end:
                yield partition, Fetched(first, records[first:], end, end, end)

    async def bounds(self, partitions: Iterable[int]) -> dict[int, Bounds]:
        ends = {partition: len(self._log.records[partition]) for partition in partitions}
        return {partition: Bounds(0, end, end) for partition, end in ends.items()}


class Journal:
    """In the place of a Journal: nobody else ever writes there."""

    topic = POSITIONS

    def __init__(self, log: Log) -> None:
        self._log = log

    async def read_back(self, mine: Mapping[int, int], worker: str) -> dict[int, Tail]:
        return {partition: Tail(self._log.progress[partition], {}, is_last=True) for partition in mine}


class Publisher:
    """In the place of a Publisher."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def start(self) -> None: ...

    async def publish(self, batches: Sequence[RecordBatch]) -> list[int]:
        await self._log.publish(batches)
        return [0] * len(batches)

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
            partition: Standing(self._store.positions_by_name[f"{COMMANDS}/{partition}"].next, len(records))
            for partition, records in enumerate(self._log.records)
        }


class Service:
    """A worker for all partitions, and scanners that run when they are told to."""

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
        """A worker at work; one that fails ends the block."""
        async with asyncio.TaskGroup() as group:
            worker = self._worker()
            group.create_task(worker.run())
            yield self
            worker.stop()

    def _worker(self) -> Worker:
        limits = Limits()
        partitions = {
            number: Partition(
                number,
                encoder=Encoder(number),
                cache=ContractCache(CacheBudget(1 << 28)),
                make_decoder=lambda base: Decoder(PARTITIONS, base=base),
                limits=limits,
                compression="none",
                metrics=self._metrics,
            )
            for number in range(PARTITIONS)
        }
        fetcher: Any = Fetcher(self.log)
        publisher: Any = Publisher(self.log)
        journal: Any = Journal(self.log)
        return Worker(
            partitions,
            reading=Reading(fetcher, partitions, batch_commands=limits.batch_commands, metrics=self._metrics),
            publisher=publisher,
            takeover=Takeover(
                topic=COMMANDS,
                worker="worker",
                origin=Origin("cluster", "group", PARTITIONS),
                store=self.store,
                publisher=publisher,
                journal=journal,
                log=fetcher,
            ),
            storing=Storing(self.store, policy=Policy(), limits=limits, metrics=self._metrics),
            publishing=Publishing(publisher, journal=POSITIONS, worker="worker", metrics=self._metrics),
            batch_commands=limits.batch_commands,
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
            [{"_id": name, **position_document(each)} for name, each in store.positions_by_name.items()],
            dict(enumerate(self.log.published)),
        )
