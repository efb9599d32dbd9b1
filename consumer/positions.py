"""What an operator sees and decides when position, journal and log do not fit together.

A decision changes both systems, the journal first: should it be cut off between the two, the partition stays
stopped and the same decision can be given again.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from consumer import bootstrap
from consumer.damage import Damage, passed_by
from consumer.engine.checks import problem_of
from consumer.engine.claiming import last_words
from consumer.engine.takeover import chain_of
from consumer.errors import InputRefused, OutboxHole, PositionError
from consumer.kafka.cluster import make_client
from consumer.kafka.connection import kafka_errors, kafka_options
from consumer.kafka.fetcher import Fetcher
from consumer.kafka.journal import Journal, Progress, journal_batch, milliseconds_now
from consumer.storage.protocols import Origin, Position, Stop
from schemas.topics import COMMANDS, POSITIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from consumer.kafka.fetcher import Bounds
    from consumer.kafka.publisher import Publisher
    from consumer.settings import Settings
    from consumer.storage.protocols import Store


_MEMBERS: Final = 5
"""Index of the members in a group of Kafka's DescribeGroups response."""

_PAST: Final = 0
"""No generation: its outputs are published, or never to be."""


class Decision(StrEnum):
    """What `contracts positions reset` can be told; its help says what each means."""

    TO_DATABASE = "to-database"
    FROM_GROUP_OFFSET = "from-group-offset"
    REBUILD = "rebuild"
    ACCEPT_CLUSTER = "accept-cluster"
    ACCEPT_GROUP = "accept-group"
    NEW_GENERATION = "new-generation"
    ACCEPT_PARTITION_COUNT = "accept-partition-count"
    TO_LOG_START = "to-log-start"
    TO_LOG_END = "to-log-end"
    PAST_DAMAGE = "past-damage"


@dataclass(frozen=True, slots=True)
class Row:
    """One partition: where the database, the journal and the log stand.

    `published` is the journal's last progress. `problem` None: they fit together. `decision`: what it asks
    for, an option of `contracts positions reset`.
    """

    partition: int
    position: int | None
    published: int | None
    log_start: int
    log_end: int
    generation: int | None
    problem: str | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What a decision comes to for one partition; `published` is its new progress, None: as it was.

    `outbox` is the generation that the stored outputs belonged to, and the one they go on to.
    """

    partition: int
    position: Position
    published: int | None
    outbox: tuple[int, int] | None
    passed: Damage | None = None


class PositionAdmin:
    """Shows and resets the positions of the command topic.

    Args:
        log: of the commands.
        admin: tells whether the group has members, and what it has committed.
        publisher: unstarted; writes the decision into the journal.
        worker: the name under which it does.
    """

    def __init__(
        self,
        store: Store,
        log: Fetcher,
        journal: Journal,
        admin: AIOKafkaAdminClient,
        publisher: Publisher,
        *,
        topic: str,
        worker: str,
        origin: Origin,
    ) -> None:
        self._store = store
        self._log = log
        self._journal = journal
        self._admin = admin
        self._publisher = publisher
        self._topic = topic
        self._worker = worker
        self._origin = origin
        self.passed: dict[int, Damage] = {}
        """What the last decision passed by, of each partition."""

    async def show(self) -> list[Row]:
        """All partitions in order."""
        numbers = range(self._origin.partitions)
        names = {number: f"{self._topic}/{number}" for number in numbers}
        found = await self._store.positions(names.values())
        positions = {number: found.get(name) for number, name in names.items()}
        told = await self._journal.progress(numbers)
        foreign = {number: said for number, said in told.items() if isinstance(said, PositionError)}
        progress = {number: said for number, said in told.items() if not isinstance(said, PositionError)}
        problems = foreign | await self._problems(positions, progress)
        noted = await self._store.stops(names.values())
        stops = {number: noted[name] for number, name in names.items() if name in noted}
        stops |= {number: Stop(str(error), error.decision) for number, error in problems.items()}
        bounds = await self._log.bounds(numbers)
        return [
            _row(number, positions[number], progress.get(number), bounds[number], stops.get(number))
            for number in numbers
        ]

    async def _problems(
        self, positions: Mapping[int, Position | None], progress: Mapping[int, Progress | None]
    ) -> dict[int, PositionError]:
        """What would stop each partition, as far as it shows without taking it over."""
        problems = await problem_of(self._log, self._store, self._origin, self._topic, positions, progress)
        behind = {
            number: (position, done.next)
            for number, position in positions.items()
            if number not in problems
            and position is not None
            and (done := progress.get(number)) is not None
            and done.next < position.next
        }
        slots = await self._store.outbox([position.partition for position, _ in behind.values()])
        return problems | {
            number: OutboxHole(*position.place, progress=published, position=position.next)
            for number, (position, published) in behind.items()
            if chain_of(slots.get(position.partition, ()), position, published) is None
        }

    async def reset(
        self, decision: Decision, partitions: Iterable[int] | None = None, *, force: bool = False
    ) -> list[Row]:
        """Carries the decision out for these partitions; None: for all that need it.

        Raises:
            InputRefused: the decision does not apply to a partition, or the service is still running.
        """
        await self._refuse_while_running()
        await self._publisher.start()
        if decision is Decision.FROM_GROUP_OFFSET:
            await self._end_version_01()
        rows = await self.show()
        chosen = self._chosen(decision, rows, partitions)
        if not force:
            _refuse_other_decisions(decision, [rows[number] for number in chosen])
        generation = 1 + max((row.generation or 0) for row in rows)
        # All are looked at before any is changed: what is refused leaves everything as it was.
        steps = [await self._step(decision, rows[number], generation) for number in chosen]
        await self._carry_out(decision, steps)
        self.passed = {step.partition: step.passed for step in steps if step.passed}
        return await self.show()

    def _chosen(self, decision: Decision, rows: list[Row], partitions: Iterable[int] | None) -> list[int]:
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
                "no partition has a problem",
                hint="--partition and --force together reset one all the same",
            )
        return chosen

    async def _refuse_while_running(self) -> None:
        """A running owner would overwrite the decision, or be overwritten by it."""
        places = [f"{self._topic}/{partition}" for partition in range(self._origin.partitions)]
        positions = await self._store.positions(places)
        for group in sorted({self._origin.group, *(each.origin.group for each in positions.values())}):
            answers = await self._admin.describe_consumer_groups([group])
            members = sum(len(found[_MEMBERS]) for answer in answers for found in answer.groups)
            if members:
                raise InputRefused(
                    f"the group {group} has running members: {members}",
                    hint="stop all instances of the service first",
                )

    async def _end_version_01(self) -> None:
        """A paused process of it could still commit to either, behind what is decided now."""
        names = [f"{self._topic}/{number}" for number in range(self._origin.partitions)]
        old = [one for one in (await self._store.positions(names)).values() if not one.has_journal]
        await self._store.disown([one.partition for one in old])
        await self._publisher.fence([f"{one.origin.group}-{self._topic}-{one.place[1]}" for one in old])

    async def _step(self, decision: Decision, row: Row, generation: int) -> Step:
        name = f"{self._topic}/{row.partition}"
        stored = (await self._store.positions([name])).get(name)
        if decision is Decision.PAST_DAMAGE:
            return await self._past_damage(row, stored)
        if decision is Decision.FROM_GROUP_OFFSET and stored is not None:
            row = replace(row, published=await self._group_offset(row.partition, stored))
        fresh = Position(name, self._origin, next=row.log_start)
        position, published = _decided(decision, stored, fresh, row, generation)
        outbox = _outbox(decision, stored, position, row, published)
        # The journal's entry is written anew in any case: its offset is of the position's generation.
        published = row.published if published is None else published
        return Step(row.partition, replace(position, has_journal=True), published, outbox)

    async def _past_damage(self, row: Row, stored: Position | None) -> Step:
        """Behind the damaged batch, with nothing left of what came before it."""
        name = f"{self._topic}/{row.partition}"
        if stored is None or row.published is None or row.published < stored.next:
            raise InputRefused(
                f"{name}: not all that came before the damage is applied and published",
                hint="start the service, wait until it has stopped the partition again, then decide",
            )
        position, passed = await passed_by(self._log, stored)
        outbox = stored.generation, _PAST
        return Step(row.partition, position, max(row.published, position.next), outbox, passed)

    async def _group_offset(self, partition: int, stored: Position) -> int:
        """What version 0.1 committed as published; it has, wherever it has applied something.

        Raises:
            InputRefused: the group has no offset.
        """
        tp, group = TopicPartition(self._topic, partition), stored.origin.group
        offset = (await self._admin.list_consumer_group_offsets(group, partitions=[tp]))[tp].offset
        if offset < 0 and stored.last is None:
            return stored.next
        if offset < 0:
            raise InputRefused(
                f"the group {group} has no offset for {self._topic}/{partition}",
                hint="`--to-database --force` says that all that is stored is published",
            )
        return int(offset)

    async def _carry_out(self, decision: Decision, steps: Iterable[Step]) -> None:
        steps = list(steps)
        await last_words(self._publisher, self._journal, self._worker, [step.partition for step in steps])
        now = milliseconds_now()
        await self._publisher.publish(
            [
                journal_batch(
                    self._journal.topic,
                    step.partition,
                    Progress(step.published, step.position.generation, self._worker),
                    now,
                )
                for step in steps
                if step.published is not None
            ]
        )
        for step in steps:
            if decision is Decision.FROM_GROUP_OFFSET:
                await self._store.adopt_outbox(step.position.partition)
            if step.outbox is not None:
                await self._store.keep_outbox(step.position.partition, step.outbox)
            await self._store.replace_position(step.position)


def _row(
    number: int,
    position: Position | None,
    progress: Progress | None,
    bounds: Bounds,
    stop: Stop | None,
) -> Row:
    return Row(
        partition=number,
        position=None if position is None else position.next,
        published=None if progress is None else progress.next,
        log_start=bounds.start,
        log_end=bounds.stable,
        generation=None if position is None else position.generation,
        problem=stop and stop.problem,
        decision=stop and stop.decision,
    )


def _refuse_other_decisions(decision: Decision, rows: Iterable[Row]) -> None:
    """Only what `show` names may be decided: another decision could lose what nobody looked at."""
    for row in rows:
        if row.decision == f"--{decision.value}":
            continue
        if row.problem is None:
            asks = "asks for no decision"
        elif row.decision is None:
            asks = f"stands still for what is no decision's matter: {row.problem}"
        else:
            asks = f"asks for {row.decision}: {row.problem}"
        raise InputRefused(
            f"partition {row.partition} {asks}",
            hint=f"see `contracts positions show`; --force carries --{decision.value} out all the same",
        )


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
    origin = _accepted(decision, stored.origin, fresh.origin)
    return _kept(decision, replace(stored, origin=origin), row, generation)


def _accepted(decision: Decision, stored: Origin, found: Origin) -> Origin:
    """What else has changed is a decision of its own."""
    match decision:
        case Decision.ACCEPT_CLUSTER:
            return replace(stored, cluster=found.cluster)
        case Decision.ACCEPT_GROUP:
            return replace(stored, group=found.group)
        case Decision.ACCEPT_PARTITION_COUNT:
            return replace(stored, partitions=found.partitions, partitioner=found.partitioner)
        case _:
            return stored


def _outbox(
    decision: Decision, stored: Position | None, position: Position, row: Row, published: int | None
) -> tuple[int, int] | None:
    """Where the stored outputs go on; None: they stay as they are, or are of a generation that is over."""
    if stored is None:
        return None
    if decision is Decision.ACCEPT_PARTITION_COUNT:
        # The log is the same: what is stored and not published yet must still come out.
        return stored.generation, position.generation
    declared = row.published if published is None else published
    if position.generation == stored.generation and declared == position.next:
        return stored.generation, _PAST
    return None


def _kept(decision: Decision, position: Position, row: Row, generation: int) -> tuple[Position, int | None]:
    """What a decision makes of a position that there is."""
    match decision:
        case Decision.ACCEPT_PARTITION_COUNT:
            return replace(position, generation=generation), None
        case Decision.ACCEPT_CLUSTER | Decision.ACCEPT_GROUP:
            return position, position.next if row.published is None else None
        case Decision.FROM_GROUP_OFFSET:
            return position, row.published
        case Decision.NEW_GENERATION:
            return replace(position, next=row.log_start, generation=generation, last=None), row.log_start
        case Decision.TO_LOG_START | Decision.TO_LOG_END:
            to = row.log_start if decision is Decision.TO_LOG_START else row.log_end
            return _moved(position, to, generation), to
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
    topic = settings.topic_prefix + COMMANDS
    worker = f"{settings.group_id}-operator-{uuid4().hex[:12]}"
    client = partial(make_client, settings)
    log = Fetcher(client, topic, max_bytes=settings.max_fetch_bytes)
    journal = Journal(client, settings.topic_prefix + POSITIONS)
    publisher = bootstrap.make_publisher(settings, worker)
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    with kafka_errors(settings.kafka_bootstrap_servers):
        try:
            await admin.start()
            cluster = str((await admin.describe_cluster())["cluster_id"])
            await log.start()
            origin = Origin(cluster, settings.group_id, await log.partitions(), settings.partitioner)
            yield PositionAdmin(
                store, log, journal, admin, publisher, topic=topic, worker=worker, origin=origin
            )
        finally:
            await publisher.discard()
            await log.stop()
            await admin.close()
