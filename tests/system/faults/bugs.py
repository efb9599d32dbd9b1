"""Bugs to plant into a worker: mistakes that this design exists to avoid, one function for each."""

from typing import Any
from uuid import uuid4

from aiokafka.errors import KafkaError
from motor.motor_asyncio import AsyncIOMotorDatabase

from consumer.engine import takeover
from consumer.engine.cache import ContractCache
from consumer.engine.intake import Intake
from consumer.engine.partition import Partition
from consumer.engine.publishing import Publishing
from consumer.engine.takeover import Resumed, Takeover
from consumer.kafka import journal_entries
from consumer.kafka.journal_tail import Window
from consumer.kafka.publisher import Publisher
from consumer.kafka.recordbatches import unpack
from consumer.storage.mongo_batch import MongoBatch
from schemas.topics import COMMANDS, POSITIONS


def progress_without_outputs() -> None:
    """Progress is committed, the outputs are forgotten every tenth time."""
    transact = Publisher._transact
    calls = iter(range(10**9))

    async def forgetful(self: Any, transactions: Any, batches: Any) -> list[int]:
        progress = [batch for batch in batches if batch.topic.endswith(POSITIONS)]
        return await transact(self, transactions, progress if next(calls) % 10 == 7 else batches)

    Publisher._transact = forgetful  # type: ignore[method-assign]


def progress_apart() -> None:
    """Progress is committed in a transaction of its own, after that of the outputs."""
    _first_apart(lambda batch: not batch.topic.endswith(POSITIONS))


def forwards_apart() -> None:
    """Misplaced records are passed on before the transaction that commits their progress."""
    _first_apart(lambda batch: batch.topic.endswith(COMMANDS))


def _first_apart(is_first: Any) -> None:
    transact = Publisher._transact

    async def apart(self: Any, transactions: Any, batches: Any) -> list[int]:
        first = [batch for batch in batches if is_first(batch)]
        if first:
            await transact(self, transactions, first)
        return await transact(self, transactions, [batch for batch in batches if not is_first(batch)])

    Publisher._transact = apart  # type: ignore[method-assign]


def failed_output_ignored() -> None:
    """A batch that the broker refuses does not stop the commit."""

    async def careless(self: Any, transactions: Any, batches: Any) -> list[int]:
        await transactions.register((batch.topic, batch.partition) for batch in batches)
        offsets = []
        for batch in batches:
            try:
                offsets += await transactions._produce.send([batch], transactions._epoch)
            except KafkaError:
                offsets.append(-1)
        await transactions._commit()
        transactions._registered = set()
        return offsets

    Publisher._transact = careless  # type: ignore[method-assign]


def own_transactional_ids() -> None:
    """Whoever is to be fenced is fenced under another id, so none ever is."""
    fence = Publisher.fence

    async def beside(self: Any, ids: Any) -> None:
        await fence(self, [f"{each}-{uuid4()}" for each in ids])

    Publisher.fence = beside  # type: ignore[method-assign]


def skip_kill_sessions() -> None:
    """The sessions of the owner before are left alone."""
    command = AsyncIOMotorDatabase.command

    async def without(self: Any, name: Any, *arguments: Any, **named: Any) -> Any:
        return None if name == "killSessions" else await command(self, name, *arguments, **named)

    AsyncIOMotorDatabase.command = without


def keep_cache() -> None:
    """What was cached before a takeover is believed after it."""
    ContractCache.clear = lambda _: None  # type: ignore[method-assign]


def publish_before_store() -> None:
    """The outputs are in Kafka before the state is in MongoDB."""
    publishers: list[Publisher] = []
    start, write = Publisher.start, MongoBatch.write

    async def registering(self: Any) -> None:
        publishers.append(self)
        await start(self)

    async def eager(self: Any, writes: Any, moves: Any) -> None:
        await write(self, writes, moves)
        frames = [batch for move in moves if move.outbox for batch in unpack(move.outbox.frames)]
        await publishers[-1].publish(frames)

    async def progress_only(self: Any, stored: Any) -> None:
        new = [one for one in stored if one.outputs is not None]
        await self._publisher.publish(self.progress(one.position for one in new))
        for one in new:
            one.partition.publication.unpublished_batches -= 1

    Publisher.start = registering  # type: ignore[method-assign]
    MongoBatch.write = eager  # type: ignore[method-assign]
    Publishing.publish = progress_only  # type: ignore[method-assign]


def outbox_ignored() -> None:
    """A takeover moves progress to the position without publishing what lies between."""

    async def nothing(*_: Any) -> Any:
        return {}, {}

    takeover.unpublished_slots = nothing  # type: ignore[attr-defined]


def replay_publishes() -> None:
    """After the database went back its commands are published once more."""
    real = Takeover.run

    async def from_the_position(self: Any, partitions: Any) -> Any:
        taken = await real(self, partitions)
        return {
            n: Resumed(one.position, one.position.next) if isinstance(one, Resumed) else one
            for n, one in taken.items()
        }

    Takeover.run = from_the_position  # type: ignore[method-assign]


def starts_at_the_progress() -> None:
    """After the database went back it goes on where publishing had come to."""
    go_on = Partition.go_on_from

    def at_the_progress(self: Any, resumed: Any) -> None:
        go_on(self, resumed)
        self.intake.next = resumed.publish_from

    Partition.go_on_from = at_the_progress  # type: ignore[method-assign]


def reads_before_its_claim() -> None:
    """A takeover believes what it read before its claim was in the journal, however long that took."""
    real = takeover.last_words
    read: dict[int, Any] = {}

    async def believing(publisher: Any, journal: Any, worker: Any, partitions: Any, beat: Any) -> Any:
        if not read:
            read.update(await journal.progress(partitions))
        found = await real(publisher, journal, worker, partitions, beat)
        believed = {n: tail._replace(progress=read[n]) for n, tail in found.items()}
        read.clear()
        return believed

    takeover.last_words = believing  # type: ignore[attr-defined]


def hidden_taken_for_read() -> None:
    """What the open transaction of another program hides in the journal is taken for nothing."""
    real = Window.end

    def end(self: Any) -> Any:
        if self._hidden is not None:
            self._hidden, self._is_claimed = None, True
        return real(self)

    Window.end = end  # type: ignore[method-assign]


def doubt_taken_for_a_commit() -> None:
    """A commit without an answer is taken for done, and the next epoch begun."""

    async def careless(self: Any, transactions: Any, batches: Any) -> list[int]:
        await transactions.register((batch.topic, batch.partition) for batch in batches)
        offsets: list[int] = await transactions._produce.send(batches, transactions._epoch)
        try:
            await transactions._commit()
        except KafkaError:
            transactions._coordinator.forget()
            await transactions.begin_epoch()
        transactions._registered = set()
        return offsets

    Publisher._transact = careless  # type: ignore[method-assign]


def claims_replace_progress() -> None:
    """All entries of the journal have one key: compaction keeps only the last of them."""
    journal_entries._key_of = lambda _: journal_entries._STATE_KEY


def forgets_waiting_records() -> None:
    """A batch that was too full drops what did not fit."""
    done = Intake.done

    def drop(self: Any, count: int) -> Any:
        found = done(self, count)
        self._decoded.clear()
        self._records.clear()
        return found

    Intake.done = drop  # type: ignore[method-assign]
