"""C, how far a partition's outputs are published: what the group's coordinator tells, borne out by the log.

The committed offset is what a coordinator remembers of its own log. One whose broker was killed was seen
to answer, and to take writes, while it still read that log (Kafka 4.1 and 4.2): it told offsets from
before, and, having mixed a new transaction with the markers of old ones, the offset of one that was
aborted. To believe the first is to publish a batch twice, to believe the second is to lose it.

The results do not lie. Nearly every batch answers a command, nobody else writes answers, and who reads
what is committed sees those of exactly the transactions that were committed. So the last answer in the
log tells which batches of the outbox are published.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from consumer.errors import BrokerUnavailable
from consumer.storage.protocols import GENERATION_SHIFT
from producers.connection import broker_error, stop_consumer
from producers.recordbatches import unpack
from schemas.cloudevents import offset_in
from schemas.topics import COMMAND_RESULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiokafka import AIOKafkaConsumer

    from consumer.pipeline.reader import PartitionReader
    from consumer.storage.protocols import OutboxSlot, Position, Store

log = structlog.get_logger()

LOADING_SECONDS: Final = 10.0
"""How long an offset that cannot be is asked for again, before the partition stops."""

READ_SECONDS: Final = 30.0

_POLL_MS: Final = 500
_REFUSAL_MS: Final = 200
_LOOK_BACK: Final = 64
"""Offsets before the end among which the last committed record is looked for first."""


class ResultLog:
    """The results of one partition, as everybody sees them who reads what is committed.

    Args:
        make_feed: makes an unstarted consumer outside any group.
        topic: of the results.
    """

    def __init__(self, make_feed: Callable[[], AIOKafkaConsumer], topic: str, partition: int) -> None:
        self._make_feed = make_feed
        self._tp = TopicPartition(topic, partition)

    async def last(self) -> int | None:
        """The sequence number of the command that was answered last; None: no answer is left.

        Final only once no earlier publisher can commit.

        Raises:
            BrokerUnavailable: no broker answers.
            BrokerDenied: missing permission.
        """
        feed = self._make_feed()
        feed.assign([self._tp])
        try:
            async with asyncio.timeout(READ_SECONDS):
                await feed.start()
                return await self._last(feed)
        except (KafkaError, TimeoutError) as error:
            where = f"{self._tp.topic}/{self._tp.partition}"
            raise broker_error(f"the end of {where} cannot be read", error) from error
        finally:
            await stop_consumer(feed)

    async def _last(self, feed: AIOKafkaConsumer) -> int | None:
        start = (await feed.beginning_offsets([self._tp]))[self._tp]
        end = (await feed.end_offsets([self._tp]))[self._tp]
        if end == 0:
            feed.seek(self._tp, 0)
            await feed.getmany(self._tp, timeout_ms=_REFUSAL_MS)  # to be refused now rather than later
        reach = _LOOK_BACK
        while True:
            began = max(start, end - reach)
            feed.seek(self._tp, began)
            last = None
            while await feed.position(self._tp) < end:
                found = await feed.getmany(self._tp, timeout_ms=_POLL_MS)
                for record in found.get(self._tp, ()):
                    last = record
            if last is not None:
                return _command_of(last.headers)
            if began == start:
                return None
            reach *= 8  # aborted transactions and markers


def _command_of(headers: Sequence[tuple[str, bytes | None]]) -> int | None:
    """The sequence number of the command that an answer answers."""
    return next((offset_in(value) for name, value in headers if name == "ce_sequence" and value), None)


def last_answer(slot: OutboxSlot) -> int | None:
    """The sequence number of the last command that a batch answers; None: it answers none."""
    answers = [batch for batch in unpack(slot.frames) if batch.topic.endswith(COMMAND_RESULTS)]
    return _command_of(answers[-1].last_headers()) if answers else None


class Possible(NamedTuple):
    """What C can be: one of the offsets where a batch begins or ends, or `beyond` the position.

    `beyond` is the least that it then is, for the database went back; None: it is not beyond. `proven`: the
    answers in the log say so. Below `hole` the outbox holds nothing.
    """

    offsets: Sequence[int]
    beyond: int | None
    proven: bool
    hole: int

    def allows(self, told: int) -> bool:
        """Whether it can be this."""
        return told in self.offsets or (self.beyond is not None and told >= self.beyond)

    def certainly(self, told: int) -> int | None:
        """What it is, whether or not this was told; None: that is open."""
        only = self.proven and len(self.offsets) == 1
        return self.offsets[0] if only and (self.beyond is None or told < self.beyond) else None


def possible(position: Position, slots: Sequence[OutboxSlot], answered: int | None) -> Possible:
    """What C can be, by the outbox and by the last answer in the log.

    Args:
        position: where the state stands.
        slots: the outbox, by first offset.
        answered: what `ResultLog.last` tells.
    """
    chain = _chain(position, slots)
    offsets = [*(slot.first for slot in chain), position.next]
    hole, beyond, proven = offsets[0], position.next + 1, False
    for slot in chain:
        answer = last_answer(slot)
        if answer is None or answered is None or answer >> GENERATION_SHIFT != answered >> GENERATION_SHIFT:
            continue  # a database rebuilt from the log counts its generations anew
        if slot.first + position.base() <= answered < answer:  # no transaction publishes half a batch
            return Possible([], beyond=None, proven=False, hole=position.next)
        if answer > answered:
            offsets = [each for each in offsets if each <= slot.first]
            return Possible(offsets, beyond=None, proven=True, hole=hole)
        offsets, proven = [each for each in offsets if each >= slot.next], True
    after = -1 if answered is None else answered - position.base()
    if position.next <= after < 1 << GENERATION_SHIFT:
        offsets, beyond = [], after + 1
    return Possible(offsets, beyond, proven, hole)


def _chain(position: Position, slots: Sequence[OutboxSlot]) -> list[OutboxSlot]:
    """The batches that lead to the position without a hole, the oldest first."""
    chain: list[OutboxSlot] = []
    reached = position.next
    for slot in reversed(slots):
        if slot.generation == position.generation and slot.next == reached:
            chain.insert(0, slot)
            reached = slot.first
    return chain


async def published_up_to(
    reader: PartitionReader, results: ResultLog, store: Store, partition: str
) -> int | None:
    """C, as soon as it can be believed; None: nothing was ever published.

    What is not certain by the results, and is not the position, must be told twice. What cannot be is asked
    for again for a while.

    Raises:
        BrokerUnavailable: what is told cannot be, again and again.
        StoreUnavailable: try again later.
    """
    deadline = monotonic() + LOADING_SECONDS
    told = await reader.committed()
    while True:
        answered = await results.last()
        stored = await store.position(partition)
        if stored is None or (told is None and stored.last is None):
            return told
        can = possible(stored, await store.outbox(partition), answered)
        if told is not None:
            certain = can.certainly(told)
            if certain is not None:
                if told != certain:
                    log.warning("the coordinator is wrong", place=partition, told=told, published=certain)
                return certain
            if told == stored.next and can.allows(told):
                return told
        before, told = told, await reader.settled(told)
        if told is not None and told == before and can.allows(told):
            return told
        if monotonic() >= deadline:
            if told is None or told < can.hole:
                return told
            raise BrokerUnavailable(f"{partition}: the group's offset is told as {told}, which cannot be")
