"""Shows positions to an operator, and carries out decisions.

A decision changes the journal first, then MongoDB. If it is interrupted in between, the partition stays
stopped, and the same decision can be made again.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from consumer import bootstrap
from consumer.errors import InputRefused
from consumer.kafka.cluster import make_client
from consumer.kafka.fetcher import Fetcher
from consumer.kafka.groups import groups
from consumer.kafka.journal import Journal
from consumer.kafka.journal_entries import Progress, journal_batch, milliseconds_now
from consumer.operator.choices import Decision
from consumer.operator.damage import passed_by
from consumer.operator.decisions import (
    Step,
    chosen,
    past_damage,
    refuse_cut_log,
    refuse_other_decisions,
    refuse_to_give_up,
    step_of,
    up_to_damage,
)
from consumer.operator.position_table import PositionTable
from consumer.operator.standstill import Standstill
from consumer.operator.unpublished import NOTHING, unpublished
from consumer.storage.protocols import Origin, Position
from consumer.storage.restoring import refuse_half_restored
from schemas.topics import COMMANDS, POSITIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping

    from consumer.kafka.groups import Groups
    from consumer.kafka.journal_tail import Tail
    from consumer.kafka.publisher import Publisher
    from consumer.kafka.recordbatches import RecordBatch
    from consumer.operator.checkpoint.restoring import Restoration
    from consumer.operator.position_table import Row
    from consumer.settings import Settings
    from consumer.storage.mongo import MongoStore


class PositionAdmin:
    """Shows and resets the positions of the command topic.

    Args:
        groups: tells the members and the committed offsets of the group.
        publisher: not started yet; writes the decision to the journal, as `worker`.
    """

    def __init__(
        self,
        store: MongoStore,
        table: PositionTable,
        journal: Journal,
        groups: Groups,
        publisher: Publisher,
        *,
        worker: str,
    ) -> None:
        self._store = store
        self._table = table
        self._journal = journal
        self._groups = groups
        self._publisher = publisher
        self._worker = worker
        self._standstill = Standstill(store, table, journal, groups, publisher, worker=worker)
        self.report: list[str] = []
        """Lines for the operator: what the last decision did in addition to changing positions."""

    async def show(self) -> list[Row]:
        """All partitions in order."""
        return await self._table.show()

    async def reset(
        self, decision: Decision, partitions: Iterable[int] | None = None, *, force: bool = False
    ) -> list[Row]:
        """Carries out the decision for these partitions; None: for all that need it.

        Outputs that are stored and not published are published now, or by the next takeover.

        Raises:
            InputRefused: the decision does not apply, or loses outputs, or the service is still running.
            ForeignTransaction: another program has a transaction open in the journal.
        """
        await self._standstill.refuse_while_running()
        if decision is Decision.REBUILD:
            await refuse_half_restored(self._store.client, self._store.database.name)
        await self._publisher.start()
        if decision is Decision.FROM_GROUP_OFFSET:
            await self._standstill.end_version_01()
        rows = await self.show()
        numbers = chosen(decision, rows, partitions, self._table.topic)
        if not force:
            refuse_cut_log(decision, [rows[number] for number in numbers])
            refuse_other_decisions(decision, [rows[number] for number in numbers])
        generation = 1 + max((row.generation or 0) for row in rows)
        tails = await self._standstill.tails(numbers)
        # Check all partitions before changing any: a refused decision changes nothing.
        steps = [await self._step(decision, rows[n], tails[n], generation) for n in numbers]
        if not force:
            refuse_to_give_up(decision, steps)
        await self._carry_out(decision, steps, tails)
        self.report = [line for step in steps for line in step.lines()]
        return await self.show()

    async def restore(self, restoration: Restoration) -> list[Row]:
        """Restores a checkpoint to the empty database. If it is interrupted, it can be run again.

        Raises:
            InputRefused: the database is not empty, the checkpoint does not fit the log, or the service is
                still running.
            CheckpointDamaged: a file was changed.
        """
        await self._standstill.refuse_while_running()
        stored, damaged = await self._table.positions()
        if await restoration.is_done({**stored, **damaged}):
            return await self.show()
        await restoration.refuse_foreign()
        await self._publisher.start()
        tails = await self._standstill.tails(self._table.names)
        progress = {number: tail and tail.progress for number, tail in tails.items()}
        await restoration.refuse_other_log(self._table, self._store, progress)
        await restoration.begin()
        await restoration.store()
        await self._standstill.refuse_while_running()  # storing takes long
        await restoration.finish()  # last: without a position, the service does not begin
        return await self.show()

    async def _step(self, decision: Decision, row: Row, tail: Tail | None, generation: int) -> Step:
        progress = None if tail is None else tail.progress
        name = self._table.names[row.partition]
        row = replace(row, published=None if progress is None else progress.next)
        stored = (await self._store.positions([name])).get(name)
        slots = (await self._store.outbox([name]))[name]
        left = NOTHING if stored is None else unpublished(stored, progress, slots)
        if decision is Decision.PAST_DAMAGE:
            position, published = up_to_damage(name, stored, row)
            return past_damage(published, *await passed_by(self._table.log, position), left)
        if decision is Decision.FROM_GROUP_OFFSET and stored is not None:
            row = replace(row, published=await _group_offset(self._groups, stored))
        fresh = Position(name, self._table.origin, next=row.log().start)
        return step_of(decision, stored, fresh, row, generation, left)

    async def _carry_out(
        self, decision: Decision, steps: Collection[Step], tails: Mapping[int, Tail | None]
    ) -> None:
        entries = [entry for step in steps if (entry := self._entry(step, tails[step.partition]))]
        await self._publisher.publish([batch for step in steps for batch in step.left.outputs] + entries)
        for step in steps:
            if decision is Decision.FROM_GROUP_OFFSET:
                await self._store.adopt_outbox(step.position.partition)
            if step.outbox is not None:
                await self._store.keep_outbox(step.position.partition, step.outbox)
            await self._store.replace_position(step.position)

    def _entry(self, step: Step, tail: Tail | None) -> RecordBatch | None:
        if step.published is None:
            return None
        claims = () if tail is None else tail.claims
        entry = Progress(step.published, step.position.generation, self._worker)
        return journal_batch(self._journal.topic, step.partition, entry, milliseconds_now(), forgotten=claims)


async def _group_offset(groups: Groups, stored: Position) -> int:
    """The progress that version 0.1 committed as the offset of its group.

    Raises:
        InputRefused: the group has no offset.
    """
    group = stored.origin.group
    offset = await groups.offset(group, *stored.topic_partition)
    if offset is None and stored.last is None:
        return stored.next
    if offset is None:
        raise InputRefused(
            f"the group {group} has no offset for {stored.partition}",
            hint="`--to-database --force` counts everything that is stored as published",
        )
    return offset


@asynccontextmanager
async def position_admin(settings: Settings, store: MongoStore) -> AsyncIterator[PositionAdmin]:
    """A connected PositionAdmin.

    Raises:
        BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses access.
    """
    topic = settings.topic_prefix + COMMANDS
    worker = f"{settings.group_id}-operator-{uuid4().hex[:12]}"
    client = partial(make_client, settings)
    log = Fetcher(client, topic, max_bytes=settings.max_fetch_bytes)
    journal = Journal(client, settings.topic_prefix + POSITIONS)
    publisher = bootstrap.make_publisher(settings, worker)
    async with groups(settings) as known:
        try:
            cluster = await known.cluster_id()
            await log.start()
            origin = Origin(cluster, settings.group_id, await log.partitions(), settings.partitioner)
            table = PositionTable(store, log, journal, topic=topic, origin=origin)
            yield PositionAdmin(store, table, journal, known, publisher, worker=worker)
        finally:
            await publisher.discard()
            await log.stop()
