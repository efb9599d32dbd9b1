"""The loop of one partition: fetch, fold and store a batch while the one before is being published.

    fetch -> decode -> [MongoDB transaction: load, fold, write, move position] -> [Kafka transaction]

Any failure or doubt ends in `resume`, never in a retry of the half that failed: see resume.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn
from uuid import uuid4

import structlog

from consumer.errors import (
    AheadOfPosition,
    BatchTooLarge,
    ContractsError,
    DeadLetterLimit,
    LogError,
    PoisonDocument,
    PositionError,
    StoreError,
    TornDatabase,
    WriteConflict,
)
from consumer.pipeline.batch import IDENTITY_BYTES, Fold
from consumer.pipeline.cache import ContractCache
from consumer.pipeline.reader import Revoked
from consumer.pipeline.records import Incoming, Undecodable
from consumer.pipeline.resume import moved, resume
from consumer.pipeline.unreadable import Unreadable
from consumer.storage.protocols import BatchWrites, OutboxSlot
from producers.recordbatches import BatchWriter, pack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from consumer.domain.model import Policy
    from consumer.metrics import Metrics
    from consumer.pipeline.decoder import Decoder
    from consumer.pipeline.encoder import Encoder
    from consumer.pipeline.reader import Fetched, PartitionReader
    from consumer.pipeline.records import Decoded, Record
    from consumer.storage.protocols import BatchTransaction, Origin, Position, Store
    from producers.publisher import Publisher
    from producers.recordbatches import RecordBatch
    from schemas.contract import Contract

log = structlog.get_logger()

FETCH_TIMEOUT_MS: Final = 1_000
SLICE: Final = 200
"""Records folded between two turns of the event loop: about 20 ms, so that heartbeats stay on time."""
BACKOFF_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
HALTED_POLL_SECONDS: Final = 1.0
CONFLICT_TRIES: Final = 10


class Limits(NamedTuple):
    """Sizes of a batch, and when the dead letters are too many."""

    batch_commands: int = 2_000
    batch_output_bytes: int = 8 << 20
    cached_contracts: int = 20_000
    dead_letter_share: float = 0.5
    dead_letter_count: int = 100
    dead_letter_window: int = 1_000
    dead_letter_limit_off: bool = False


class Batch(NamedTuple):
    """One applied batch on its way to Kafka."""

    position: Position
    records: Sequence[Decoded]
    outputs: list[RecordBatch] | None
    fold: Fold


class PartitionLoop:
    """Works on one assigned partition until it is told to stop.

    `error` is why the partition stands still (an operator must decide, or too many dead letters);
    None while it works.
    """

    def __init__(
        self,
        *,
        reader: PartitionReader,
        store: Store,
        publisher: Publisher,
        make_decoder: Callable[[int], Decoder],
        encoder: Encoder,
        origin: Origin,
        policy: Policy,
        limits: Limits,
        compression: str,
        metrics: Metrics,
        instance: str,
    ) -> None:
        self._reader = reader
        self._store = store
        self._publisher = publisher
        self._make_decoder = make_decoder
        self._decoder: Decoder
        self._encoder = encoder
        self._origin = origin
        self._policy = policy
        self._limits = limits
        self._compression = compression
        self._metrics = metrics
        self._owner = f"{instance}/{uuid4().hex[:12]}"
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._cache = ContractCache(limits.cached_contracts)
        self._recent_dead: deque[bool] = deque(maxlen=limits.dead_letter_window)
        self._waiting: deque[Decoded] = deque()
        self._waiting_next = 0
        self._batch_limit = limits.batch_commands
        self._slot = 0
        self._position: Position
        self._publish_from = 0
        self.error: ContractsError | None = None
        self.log = log.bind(topic=reader.topic, partition=reader.partition)

    def stop(self) -> None:
        """Asks the loop to finish what is under way and end."""
        if not self._stopped.done():
            self._stopped.set_result(None)

    async def run(self) -> None:
        """Resumes and works, again after every failure, until stopped or revoked."""
        failures = 0
        reason = "assigned"
        try:
            while not self._stopped.done():
                try:
                    await self._take_over(reason)
                    failures = 0
                    await self._work()
                except (PositionError, DeadLetterLimit) as error:
                    await self._halt(error)
                except (StoreError, LogError) as error:
                    reason = type(error).__name__
                    self.log.warning("resuming", reason=reason, error=str(error))
                    await self._wait(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
                    failures += 1
        except Revoked:
            self.log.info("revoked")
        finally:
            await self._publisher.discard()

    async def _take_over(self, reason: str) -> None:
        self._metrics.resumed(reason)
        with self._metrics.stage("resume"):
            resumed = await resume(
                reader=self._reader,
                store=self._store,
                publisher=self._publisher,
                owner=self._owner,
                origin=self._origin,
            )
        self._position, self._publish_from = resumed
        self._decoder = self._make_decoder(self._position.base())
        self._cache.clear()
        self._waiting.clear()
        self._reader.unpause()
        self.log.info("resumed", reason=reason, position=self._position.next, published=self._publish_from)

    async def _work(self) -> None:
        publishing: asyncio.Task[None] | None = None
        try:
            while True:
                await self._first_of(self._fill(), publishing)
                if publishing is not None and publishing.done():
                    publishing.result()
                if self._stopped.done():
                    break
                if not self._waiting:
                    continue
                batch = await self._apply()
                if publishing is not None:
                    await publishing
                publishing = asyncio.create_task(self._publish(batch))
            if publishing is not None:
                await publishing
        finally:
            await _cancelled(publishing)

    async def _first_of(self, filling: Awaitable[None], publishing: asyncio.Task[None] | None) -> None:
        """Waits for records, but not beyond a stop or a failed publication."""
        fill = asyncio.ensure_future(filling)
        watched: set[asyncio.Future[None]] = {fill, self._stopped}
        while True:
            if publishing is not None and not publishing.done():
                watched.add(publishing)
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if fill in done:
                return fill.result()
            if self._stopped in done or (publishing in done and publishing.exception() is not None):
                return await _cancelled(fill)
            watched.discard(publishing)

    async def _fill(self) -> None:
        """Decodes what is fetched next, unless records wait from a batch that was full."""
        if self._waiting:
            return
        fetched = await self._reader.fetch(max_records=self._limits.batch_commands, timeout_ms=FETCH_TIMEOUT_MS)
        self._lag(fetched)
        with self._metrics.stage("decode"):
            for number, record in enumerate(fetched.records):
                self._waiting.append(self._decode(record))
                if number % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
        self._waiting_next = fetched.next

    def _decode(self, record: Record | Unreadable) -> Decoded:
        if isinstance(record, Unreadable):
            return Undecodable("unreadable", "the client cannot parse this record", "", record)
        return self._decoder.decode(record)

    async def _apply(self) -> Batch:
        """Applies the next batch; smaller, or one by one, where the database demands it."""
        conflicts = 0
        while True:
            records, to = self._next_batch()
            try:
                batch = await self._transact(records, to)
            except WriteConflict:
                conflicts += 1
                if conflicts == CONFLICT_TRIES:
                    raise
            except BatchTooLarge:
                if len(records) == 1:
                    raise
                self._batch_limit = max(1, len(records) // 2)
            except PoisonDocument as error:
                self._isolate(records, error)
            except AheadOfPosition as error:
                place = (self._reader.topic, self._reader.partition)
                raise TornDatabase(*place, what=str(error), position=self._position.next) from error
            else:
                self._settle(batch)
                return batch

    def _next_batch(self) -> tuple[list[Decoded], int]:
        """The records of the next batch, and the position after it."""
        replaying = self._position.next < self._publish_from
        records: list[Decoded] = []
        for decoded in self._waiting:
            offset = decoded.record.offset
            if replaying and offset >= self._publish_from:
                return records, self._publish_from
            if len(records) == self._batch_limit:
                return records, offset
            records.append(decoded)
        # Never beyond the committed offset while replaying: what is published starts exactly there.
        return records, min(self._waiting_next, self._publish_from) if replaying else self._waiting_next

    def _isolate(self, records: list[Decoded], error: PoisonDocument) -> None:
        """Finds the document that the database refuses by folding one command at a time."""
        if len(records) > 1:
            self._batch_limit = 1
            return
        poison = records[0]
        if not isinstance(poison, Incoming):
            raise error
        self.log.error("refused by the database", offset=poison.record.offset, error=type(error).__name__)
        self._waiting[0] = Undecodable(
            code="refused_by_database",
            message="the database refuses what this command would store",
            path="",
            record=poison.record,
            envelope=poison.envelope,
            account_id=poison.command.account_id,
        )

    async def _transact(self, records: list[Decoded], to: int) -> Batch:
        self._check_dead_letters(records)
        position = self._position
        publish = position.next >= self._publish_from
        async with self._store.transaction(
            position.partition, owner=self._owner, expected=position.next
        ) as transaction:
            fold = await self._load(transaction, records, BatchWriter(self._compression) if publish else None)
            folded = await self._fold(fold, records)
            if folded < len(records):
                records, to = records[:folded], records[folded].record.offset
            target = moved(position, to, records[-1].record if records else None, fold.tallies)
            outputs = fold.finish()
            outbox = None
            if outputs is not None:
                outbox = OutboxSlot(self._slot, position.generation, position.next, to, pack(outputs))
            with self._metrics.stage("store"):
                await transaction.write(BatchWrites(fold.writes(), fold.former, fold.history, outbox), target)
        return Batch(target, records, outputs, fold)

    async def _load(
        self, transaction: BatchTransaction, records: list[Decoded], writer: BatchWriter | None
    ) -> Fold:
        commands = [decoded.command for decoded in records if isinstance(decoded, Incoming)]
        accounts = {command.account_id for command in commands}
        identities = {
            decoded.command.identity[:IDENTITY_BYTES]
            for decoded in records
            if isinstance(decoded, Incoming) and decoded.spec.deduplicated
        }
        with self._metrics.stage("load"):
            contracts = self._cache.known(accounts)
            unknown = accounts - contracts.keys()
            loaded = await transaction.contracts(unknown)
            seen = await transaction.seen(identities)
        self._check_torn(loaded)
        contracts |= {account: loaded.get(account) for account in unknown}
        return Fold(
            contracts=contracts,
            seen=seen,
            tallies=self._position.tallies,
            policy=self._policy,
            encoder=self._encoder,
            writer=writer,
            generation=self._position.generation,
        )

    async def _fold(self, fold: Fold, records: list[Decoded]) -> int:
        """Folds the records in until they are done or the outputs are large; how many were folded."""
        with self._metrics.stage("fold"):
            for number, decoded in enumerate(records, start=1):
                fold.add(decoded)
                if fold.output_bytes() >= self._limits.batch_output_bytes:
                    return number
                if number % SLICE == 0:
                    await asyncio.sleep(0)
        return len(records)

    def _check_torn(self, loaded: dict[str, Contract]) -> None:
        for contract in loaded.values():
            offset = contract["lifecycle"]["offset"]
            if offset >= self._position.base() + self._position.next:
                raise AheadOfPosition(f"contract {contract['contract_id']} has applied offset {offset}")

    def _check_dead_letters(self, records: list[Decoded]) -> None:
        """Stops before the batch with which the dead letters become too many: its producer must be wrong."""
        limits = self._limits
        dead = [isinstance(decoded, Undecodable) for decoded in records]
        window = [*self._recent_dead, *dead][-limits.dead_letter_window :]
        total = sum(window)
        too_many = total > limits.dead_letter_count and total > limits.dead_letter_share * len(window)
        if too_many and not limits.dead_letter_limit_off:
            raise DeadLetterLimit(self._reader.topic, self._reader.partition, dead=total, window=len(window))

    def _settle(self, batch: Batch) -> None:
        """Takes note of a committed batch."""
        self._position = batch.position
        self._cache.update(batch.fold.contracts)
        for _ in batch.records:
            self._waiting.popleft()
        self._recent_dead.extend(isinstance(decoded, Undecodable) for decoded in batch.records)
        self._slot = (self._slot + 1) % 2
        self._batch_limit = self._limits.batch_commands if not self._waiting else self._batch_limit
        self._count(batch)

    def _count(self, batch: Batch) -> None:
        self._metrics.batch(len(batch.records))
        for (name, outcome), count in batch.fold.counts.items():
            self._metrics.command(name, outcome, count)
        for code, count in batch.fold.dead_letters.items():
            self._metrics.dead_letter(code, count)
        self._metrics.forwarded(batch.fold.forwarded)

    async def _publish(self, batch: Batch) -> None:
        if batch.outputs is None:
            return
        with self._metrics.stage("publish"):
            await self._publisher.publish(batch.outputs, batch.position.next)
        now = datetime.now(UTC).timestamp()
        self._metrics.latencies([now - decoded.record.timestamp / 1000 for decoded in batch.records])
        for name, count in batch.fold.published.items():
            self._metrics.event(name, count)

    def _lag(self, fetched: Fetched) -> None:
        end = self._reader.end()
        behind = 0 if end is None else max(0, end - fetched.next) + len(fetched.records)
        age = 0.0
        if fetched.records:
            age = max(0.0, datetime.now(UTC).timestamp() - fetched.records[0].timestamp / 1000)
        self._metrics.lag(self._reader.partition, behind, age)

    async def _halt(self, error: ContractsError) -> None:
        """Stands still until this process is restarted, without leaving the group."""
        self.error = error
        self.log.error("partition stopped", error=str(error), hint=error.hint)
        while not self._stopped.done():
            await self._wait(HALTED_POLL_SECONDS)

    async def _wait(self, seconds: float) -> None:
        self._reader.pause()
        poll = asyncio.ensure_future(self._reader.keep_alive(seconds))
        await asyncio.wait({poll, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
        await _cancelled(poll)


async def _cancelled(task: asyncio.Future[None] | None) -> None:
    """Ends a task; its outcome does not matter any more."""
    if task is None:
        return
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task
