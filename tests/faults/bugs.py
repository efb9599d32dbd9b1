"""Bugs to plant into a worker: mistakes that this design exists to avoid, one function for each."""

import asyncio
from typing import Any
from uuid import uuid4

from aiokafka.structs import OffsetAndMetadata
from motor.motor_asyncio import AsyncIOMotorDatabase

from consumer.pipeline import partition, resume
from consumer.pipeline.applier import Applier
from consumer.pipeline.cache import ContractCache
from consumer.pipeline.partition import PartitionLoop
from consumer.pipeline.resume import Resumed
from consumer.pipeline.service import Service
from consumer.storage.mongo_batch import MongoBatch
from producers.publisher import Publisher, _Prebuilt
from producers.recordbatches import unpack


def offset_without_outputs() -> None:
    """The input offset is committed, the outputs are forgotten every tenth time."""
    transact = Publisher._transact
    calls = iter(range(10**9))

    async def forgetful(self: Any, producer: Any, batches: Any, offset: int) -> None:
        await transact(self, producer, () if next(calls) % 10 == 7 else batches, offset)

    Publisher._transact = forgetful  # type: ignore[method-assign]


def offset_apart() -> None:
    """The offset is committed in a transaction of its own, after that of the outputs."""

    async def apart(self: Any, producer: Any, batches: Any, offset: int) -> None:
        await _transaction(producer, batches)
        await producer.begin_transaction()
        offsets = {self._input: OffsetAndMetadata(offset, "")}
        await producer.send_offsets_to_transaction(offsets, self._group)
        await producer.commit_transaction()

    Publisher._transact = apart  # type: ignore[method-assign]


def forwards_apart() -> None:
    """Misplaced records are passed on before the transaction that commits their offset."""
    transact = Publisher._transact

    async def apart(self: Any, producer: Any, batches: Any, offset: int) -> None:
        forwards = [batch for batch in batches if batch.topic == self._input.topic]
        if forwards:
            await _transaction(producer, forwards)
        await transact(self, producer, [batch for batch in batches if batch not in forwards], offset)

    Publisher._transact = apart  # type: ignore[method-assign]


async def _transaction(producer: Any, batches: Any) -> None:
    await producer.begin_transaction()
    for batch in batches:
        await (await producer.send_batch(_Prebuilt(batch), batch.topic, partition=batch.partition))
    await producer.commit_transaction()


def failed_output_ignored() -> None:
    """A batch that the broker refuses does not stop the commit."""

    async def careless(self: Any, producer: Any, batches: Any, offset: int) -> None:
        await producer.begin_transaction()
        for batch in batches:
            await producer.send_batch(_Prebuilt(batch), batch.topic, partition=batch.partition)
        offsets = {self._input: OffsetAndMetadata(offset, "")}
        await producer.send_offsets_to_transaction(offsets, self._group)
        await producer.commit_transaction()

    Publisher._transact = careless  # type: ignore[method-assign]


def own_transactional_ids() -> None:
    """Every producer has an id of its own, so none is ever fenced."""
    start = Publisher.start

    async def unfenced(self: Any) -> None:
        make, self._make_producer = self._make_producer, lambda id_: make(f"{id_}-{uuid4()}")
        try:
            await start(self)
        finally:
            self._make_producer = make

    Publisher.start = unfenced  # type: ignore[method-assign]


def skip_kill_sessions() -> None:
    """The session of the owner before is left alone."""
    command = AsyncIOMotorDatabase.command

    async def without(self: Any, name: Any, *arguments: Any, **named: Any) -> Any:
        return None if name == "killSessions" else await command(self, name, *arguments, **named)

    AsyncIOMotorDatabase.command = without


def keep_cache() -> None:
    """What was cached before a resume is believed after it."""
    ContractCache.clear = lambda _: None  # type: ignore[method-assign]


def publish_before_store() -> None:
    """The outputs are in Kafka before the state is in MongoDB."""
    publishers: dict[str, Publisher] = {}
    start, write = Publisher.start, MongoBatch.write

    async def registering(self: Any) -> None:
        publishers["/".join(map(str, self._input))] = self
        await start(self)

    async def eager(self: Any, writes: Any, position: Any) -> None:
        await write(self, writes, position)
        if writes.outbox is not None:
            publisher = publishers[position.partition]
            await publisher.publish(list(unpack(writes.outbox.frames)), position.next)

    async def nothing(self: Any, batch: Any) -> None:
        """Published already."""

    Publisher.start = registering  # type: ignore[method-assign]
    MongoBatch.write = eager  # type: ignore[method-assign]
    PartitionLoop._publish = nothing  # type: ignore[method-assign]


def outbox_ignored() -> None:
    """A resume moves the offset to the position without publishing what lies between."""

    async def skip(reader: Any, store: Any, publisher: Any, position: Any, committed: int) -> None:
        await publisher.publish((), position.next)

    resume._publish_outbox = skip


def replay_publishes() -> None:
    """After the database went back its commands are published once more."""
    real = resume.resume

    async def from_the_position(**parts: Any) -> Resumed:
        resumed = await real(**parts)
        return Resumed(resumed.position, resumed.position.next)

    partition.resume = from_the_position  # type: ignore[attr-defined]


def starts_at_the_offset() -> None:
    """After the database went back it goes on at the group's offset."""
    real = resume.resume

    async def at_the_offset(*, reader: Any, **parts: Any) -> Resumed:
        resumed = await real(reader=reader, **parts)
        reader.seek(resumed.publish_from)
        return resumed

    partition.resume = at_the_offset  # type: ignore[attr-defined]


def does_not_poll() -> None:
    """It does not poll its group."""

    async def sleep(self: Any) -> None:
        await asyncio.Event().wait()

    Service._poll = sleep  # type: ignore[method-assign]


def commits_on_revoke() -> None:
    """On a revocation what is under way is dropped, and the offset of what was fetched committed."""
    revoked = Service.on_partitions_revoked

    async def then_commit(self: Any, partitions: Any) -> None:
        consumer = self._consumer
        feeds = {each: self._loops[each.partition][0]._reader._feed for each in partitions}
        positions = {each: await feed.position(each) for each, feed in feeds.items() if feed is not None}
        for _, task in self._loops.values():
            task.cancel()
        await revoked(self, partitions)
        if positions:
            await consumer.commit(positions)

    Service.on_partitions_revoked = then_commit  # type: ignore[method-assign]


def no_drain() -> None:
    """SIGTERM cuts off what is under way."""

    async def cut(self: Any) -> None:
        draining, self._loops = self._loops, {}
        for _, task in draining.values():
            task.cancel()

    Service._drain = cut  # type: ignore[method-assign]


def forgets_waiting_records() -> None:
    """A batch that was too full drops what did not fit."""
    settle = Applier._settle

    def drop(self: Any, batch: Any) -> None:
        settle(self, batch)
        self.intake.records.clear()

    Applier._settle = drop  # type: ignore[method-assign]
