"""What an operator sees and decides when the position in MongoDB and the log do not fit together.

A decision changes both systems where it must, the group's offset first: should it be cut off between
the two, the partition stays stopped and the same decision can be given again.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from consumer.errors import (
    InputRefused,
    OffsetMissing,
    PositionError,
    PositionMissing,
    TopicRecreated,
    TopicsMissing,
)
from consumer.pipeline.resume import log_problem, origin_problem
from consumer.storage.protocols import Origin, Position
from producers.connection import kafka_errors, kafka_options, stop_consumer
from producers.topic_plan import plan
from producers.topics import TopicAdmin
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from consumer.settings import Settings
    from consumer.storage.protocols import Store


_MEMBERS: Final = 5
"""Index of the members in a group of Kafka's DescribeGroups response."""


_PAST: Final = 0
"""No generation: its outputs are published, or never to be, whatever the results say."""


class Decision(StrEnum):
    """What `contracts positions reset` can be told; its help says what each means."""

    TO_DATABASE = "to-database"
    REBUILD = "rebuild"
    ACCEPT_CLUSTER = "accept-cluster"
    ACCEPT_GROUP = "accept-group"
    NEW_GENERATION = "new-generation"
    ACCEPT_PARTITION_COUNT = "accept-partition-count"
    TO_LOG_START = "to-log-start"
    TO_LOG_END = "to-log-end"


@dataclass(frozen=True, slots=True)
class Row:
    """One partition: where the database, the group and the log stand. `problem` None: they fit together."""

    partition: int
    position: int | None
    committed: int | None
    log_start: int
    log_end: int
    generation: int | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What a decision comes to for one partition; `committed` is its new offset, None: as it was.

    `outbox` is the generation that the stored outputs belonged to, and the one they go on to.
    """

    partition: int
    position: Position
    committed: int | None
    outbox: tuple[int, int] | None


class PositionAdmin:
    """Shows and resets the positions of the command topic.

    Args:
        consumer: in the service's group, assigned by hand, so that it can read and commit its offsets.
        admin: tells whether the group has members.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        consumer: AIOKafkaConsumer,
        admin: AIOKafkaAdminClient,
        origin: Origin,
    ) -> None:
        self._topic = settings.topic_prefix + COMMANDS
        self._store = store
        self._consumer = consumer
        self._admin = admin
        self._origin = origin

    async def show(self) -> list[Row]:
        """All partitions in order."""
        return [await self._row(partition) for partition in range(self._origin.partitions)]

    async def reset(self, decision: Decision, partitions: Iterable[int] | None = None) -> list[Row]:
        """Carries the decision out for these partitions; None: for all that need it.

        Raises:
            InputRefused: the decision does not apply to a partition, or the service is still running.
        """
        await self._refuse_while_running()
        rows = await self.show()
        if decision is Decision.ACCEPT_PARTITION_COUNT:
            chosen = [row.partition for row in rows]
        elif partitions is None:
            chosen = [row.partition for row in rows if row.problem]
        else:
            chosen = sorted(set(partitions))
        known = {row.partition for row in rows}
        if unknown := [partition for partition in chosen if partition not in known]:
            raise InputRefused(f"{self._topic} has no partition {unknown[0]}")
        if not chosen:
            raise InputRefused(
                "no partition has a problem; name one with --partition to reset it all the same"
            )
        generation = 1 + max((row.generation or 0) for row in rows)
        # All are looked at before any is changed: what is refused leaves everything as it was.
        steps = [await self._step(decision, rows[partition], generation) for partition in chosen]
        for step in steps:
            await self._carry_out(step)
        return await self.show()

    async def _refuse_while_running(self) -> None:
        """A running owner would overwrite the decision, or be overwritten by it."""
        places = [f"{self._topic}/{partition}" for partition in range(self._origin.partitions)]
        positions = [await self._store.position(place) for place in places]
        for group in sorted({self._origin.group, *(each.origin.group for each in positions if each)}):
            answers = await self._admin.describe_consumer_groups([group])
            members = sum(len(found[_MEMBERS]) for answer in answers for found in answer.groups)
            if members:
                raise InputRefused(
                    f"the group {group} has running members: {members}",
                    hint="stop all instances of the service first",
                )

    async def _refuse_unpublished(self, position: Position, partition: int) -> None:
        """The new group's offset would say that everything stored was published."""
        tp, group = TopicPartition(self._topic, partition), position.origin.group
        committed = (await self._admin.list_consumer_group_offsets(group, partitions=[tp]))[tp].offset
        if 0 <= committed < position.next:
            raise InputRefused(
                f"the group {group} has published {committed} of {position.next}: the rest would be lost",
                hint=f"start the service once more with CONTRACTS_GROUP_ID={group}, until both are equal",
            )

    async def _step(self, decision: Decision, row: Row, generation: int) -> Step:
        name = f"{self._topic}/{row.partition}"
        stored = await self._store.position(name)
        fresh = Position(name, self._origin, next=row.log_start)
        position, committed = _decided(decision, stored, fresh, row, generation)
        if stored is not None and decision is Decision.ACCEPT_GROUP:
            await self._refuse_unpublished(stored, row.partition)
        return Step(row.partition, position, committed, _outbox(decision, stored, position, row, committed))

    async def _carry_out(self, step: Step) -> None:
        if step.committed is not None:
            await self._commit(step.partition, step.committed)
        if step.outbox is not None:
            await self._store.keep_outbox(step.position.partition, step.outbox)
        await self._store.replace_position(step.position)

    async def _commit(self, partition: int, offset: int) -> None:
        try:
            await self._consumer.commit({TopicPartition(self._topic, partition): offset})
        except KafkaError as error:
            raise InputRefused(
                f"the group's offset cannot be changed: {error!r}",
                hint="stop all instances of the service first",
            ) from error

    async def _row(self, partition: int) -> Row:
        tp = TopicPartition(self._topic, partition)
        position = await self._store.position(f"{self._topic}/{partition}")
        committed = await self._consumer.committed(tp)
        start = (await self._consumer.beginning_offsets([tp]))[tp]
        end = (await self._consumer.end_offsets([tp]))[tp]
        row = Row(
            partition=partition,
            position=position.next if position else None,
            committed=committed,
            log_start=start,
            log_end=end,
            generation=position.generation if position else None,
        )
        return replace(row, problem=self._problem(row, position))

    def _problem(self, row: Row, position: Position | None) -> str | None:
        """What would stop the partition, as far as it shows without taking it over."""
        error = next(self._problems(row, position), None)
        return None if error is None else f"{error} ({error.decision})"

    def _problems(self, row: Row, position: Position | None) -> Iterator[PositionError]:
        place, origin = (self._topic, row.partition), self._origin
        if position is None:
            if row.committed is not None:
                yield PositionMissing(*place, group=origin.group, committed=row.committed)
            return
        if problem := origin_problem(place, position.origin, origin):
            yield problem
        if row.committed is None and position.last is not None and position.next > row.log_end:
            yield TopicRecreated(*place, offset=position.next - 1)
        if row.committed is None and position.last is not None:
            yield OffsetMissing(*place, group=origin.group, position=position.next)
        if problem := log_problem(place, position.next, row.committed, row.log_start, row.log_end):
            yield problem


def _decided(
    decision: Decision, stored: Position | None, fresh: Position, row: Row, generation: int
) -> tuple[Position, int | None]:
    """The position after the decision, and the offset to commit; None: leave it as it is."""
    if decision is Decision.REBUILD:
        if stored is not None and (stored.last is not None or stored.generation > 1):
            raise InputRefused(
                f"{fresh.partition} has a position: only an empty database is rebuilt",
                hint="drop the database, or name another with CONTRACTS_MONGO_DATABASE",
            )
        return fresh, None
    if stored is None and decision is Decision.ACCEPT_PARTITION_COUNT:
        return replace(fresh, generation=generation), row.log_start
    if stored is None:
        raise InputRefused(
            f"{fresh.partition} has no position to keep", hint="`--rebuild` starts from the log"
        )
    return _kept(decision, replace(stored, origin=fresh.origin), row, generation)


def _outbox(
    decision: Decision, stored: Position | None, position: Position, row: Row, committed: int | None
) -> tuple[int, int] | None:
    """Where the stored outputs go on; None: they stay as they are, or are of a generation that is over."""
    if stored is None:
        return None
    if decision is Decision.ACCEPT_PARTITION_COUNT:
        # The log is the same: what is stored and not published yet must still come out.
        return stored.generation, position.generation
    declared = row.committed if committed is None else committed
    if position.generation == stored.generation and declared == position.next:
        return stored.generation, _PAST
    return None


def _kept(decision: Decision, position: Position, row: Row, generation: int) -> tuple[Position, int | None]:
    """What a decision makes of a position that there is, already moved to the present origin."""
    match decision:
        case Decision.ACCEPT_PARTITION_COUNT:
            return replace(position, generation=generation), None
        case Decision.ACCEPT_CLUSTER:
            return position, position.next if row.committed is None else None
        case Decision.NEW_GENERATION:
            return replace(position, next=row.log_start, generation=generation, last=None), row.log_start
        case Decision.TO_LOG_START:
            return _moved(position, row.log_start, generation), row.log_start
        case Decision.TO_LOG_END:
            return _moved(position, row.log_end, generation), row.log_end
        case _:
            return position, position.next


def _moved(position: Position, offset: int, generation: int) -> Position:
    """At another offset. Going back begins a generation: other records have the same offsets now."""
    if offset >= position.next:
        generation = position.generation
    return replace(position, next=offset, generation=generation, last=None)


@asynccontextmanager
async def position_admin(settings: Settings, store: Store) -> AsyncIterator[PositionAdmin]:
    """A connected PositionAdmin.

    Raises:
        BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses us.
    """
    consumer = AIOKafkaConsumer(
        **kafka_options(settings),
        group_id=settings.group_id,
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    with kafka_errors(settings.kafka_bootstrap_servers):
        try:
            await admin.start()
            cluster = str((await admin.describe_cluster())["cluster_id"])
            await consumer.start()
            topic = settings.topic_prefix + COMMANDS
            described = await TopicAdmin(admin).describe(plan(settings)[:1])
            if topic not in described:
                raise TopicsMissing([topic])
            partitions = described[topic].partitions
            consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
            origin = Origin(cluster, settings.group_id, partitions, settings.partitioner)
            yield PositionAdmin(settings, store, consumer, admin, origin)
        finally:
            await stop_consumer(consumer)
            await admin.close()
