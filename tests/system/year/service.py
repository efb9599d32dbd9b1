"""The service's worker, store and scanner, on a log in memory whose clock the test sets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import bson

from consumer.domain.commands.advance import SOURCE
from consumer.engine.cache import CacheBudget, ContractCache
from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.engine.limits import Limits
from consumer.engine.partition import Partition
from consumer.engine.publishing import Publishing
from consumer.engine.reading import Reading
from consumer.engine.storing import Storing
from consumer.engine.takeover import Takeover
from consumer.engine.worker import Worker
from consumer.storage.documents import CODEC, history_document
from consumer.storage.memory import MemoryStore
from consumer.storage.position_documents import position_document
from consumer.storage.protocols import Origin
from consumer.storage.queries import Due
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.traces import NO_TRACES
from devstack.proof.records import State
from producers.backlog import Standing
from producers.messages import command_message
from producers.scanner import Scanner
from producers.sending import Home, Sent
from schemas.partitioning import murmur2_home
from schemas.topics import COMMANDS, POSITIONS
from tests.system.year.log import PARTITIONS, Fetcher, Journal, Log, Publisher
from tests.system.year.price_list import policy
from tests.tallied import movement_documents
from tests.unit.producers.fakes import FakeLease

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from datetime import datetime

    from consumer.storage.memory_batch import StoredContract
    from producers.messages import CommandMessage

MAX_WAITING = 1_000
"""Commands in a partition above which the scanner waits: fewer than are due after a long pause."""


class Asked:
    """What the scanner asks the database, and the producer and backlog that it works with."""

    def __init__(self, log: Log, store: MemoryStore) -> None:
        self._log = log
        self._store = store
        self._known: dict[str, tuple[StoredContract, Due | None]] = {}

    async def due(self, now: datetime, size: int) -> AsyncIterator[list[Due]]:
        rows = filter(None, map(self._due, self._store.current.items()))
        found = sorted(row for row in rows if row.due_at <= now)
        for at in range(0, len(found), size):
            yield found[at : at + size]

    def _due(self, current: tuple[str, StoredContract]) -> Due | None:
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
                metrics=self._metrics,
            )
            for number in range(PARTITIONS)
        }
        fetcher: Any = Fetcher(self.log)
        publisher: Any = Publisher(self.log)
        journal: Any = Journal(self.log)
        publishing = Publishing(
            publisher, journal=POSITIONS, worker="worker", metrics=self._metrics, traces=NO_TRACES
        )
        return Worker(
            partitions,
            reading=Reading(
                fetcher,
                partitions,
                batch_commands=limits.batch_commands,
                metrics=self._metrics,
                traces=NO_TRACES,
            ),
            publisher=publisher,
            takeover=Takeover(
                topic=COMMANDS,
                worker="worker",
                origin=Origin("cluster", "group", PARTITIONS),
                store=self.store,
                publisher=publisher,
                journal=journal,
                log=fetcher,
                beat=lambda: None,
            ),
            storing=Storing(
                self.store,
                policy=policy(),
                limits=limits,
                metrics=self._metrics,
                traces=NO_TRACES,
                before_commit=publishing.open,
            ),
            publishing=publishing,
            batch_commands=limits.batch_commands,
            metrics=self._metrics,
            beat=lambda: None,
            traces=NO_TRACES,
        )

    def state(self) -> State:
        """Everything that is stored, as the driver would return it."""
        store = self.store
        return State(
            [bson.decode(stored.document, CODEC) for stored in store.current.values()],
            [bson.decode(document, CODEC) for document in store.former_documents],
            [history_document(entry) for entry in store.history.values()],
            [{"_id": name, **position_document(each)} for name, each in store.positions_by_name.items()],
            movement_documents(store),
            dict(enumerate(self.log.published)),
        )
