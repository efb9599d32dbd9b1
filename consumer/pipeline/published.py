"""C, how far a partition's outputs are published: what the group's coordinator tells, borne out by the log.

The committed offset is what a coordinator remembers of its own log. One whose broker was killed was seen
to answer, and to take writes, while it still read that log (Kafka 4.1 and 4.2): it told offsets from
before, and, having mixed a new transaction with the markers of old ones, the offset of one that was
aborted. To believe the first is to publish a batch twice, to believe the second is to lose it.

The results do not lie. Nearly every batch answers a command, nobody else writes answers, and who reads
what is committed sees those of exactly the transactions that were committed. So the last answer in the
log is compared with those of the batches in the outbox. It corrects the coordinator about these; about
all else the coordinator is believed.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
    from producers.recordbatches import Headers

log = structlog.get_logger()

LOADING_SECONDS: Final = 10.0
"""How long a coordinator is asked again that tells what cannot be, or what the results do not bear out."""

READ_SECONDS: Final = 30.0

_POLL_MS: Final = 500
_REFUSAL_MS: Final = 200
_LOOK_BACK: Final = (64, 512, 4096, 32_768, 262_144)
"""So many offsets before the end the last committed record is looked for, until it is found."""


class ResultLog:
    """The results of one partition, as everybody sees them who reads what is committed.

    Args:
        make_feed: makes an unstarted consumer outside any group.
        topic: of the results.
    """

    def __init__(self, make_feed: Callable[[], AIOKafkaConsumer], topic: str, partition: int) -> None:
        self._make_feed = make_feed
        self._tp = TopicPartition(topic, partition)
        self._where = f"{topic}/{partition}"

    async def last(self) -> Headers | None:
        """The headers of the last answer; (): none was ever committed; None: answers may have been deleted.

        Final only once no earlier publisher can commit.

        Raises:
            BrokerUnavailable: no broker answers, or the log cannot be read to its end.
            BrokerDenied: missing permission.
        """
        feed = self._make_feed()
        feed.assign([self._tp])
        try:
            async with asyncio.timeout(READ_SECONDS):
                await feed.start()
                return await self._last(feed)
        except UnicodeDecodeError:  # somebody else's record, with a header name that is not UTF-8
            return None
        except (KafkaError, TimeoutError) as error:
            raise broker_error(f"the end of {self._where} cannot be read", error) from error
        finally:
            await stop_consumer(feed)

    async def _last(self, feed: AIOKafkaConsumer) -> Headers | None:
        start = (await feed.beginning_offsets([self._tp]))[self._tp]
        end = (await feed.end_offsets([self._tp]))[self._tp]
        if end == 0:
            feed.seek(self._tp, 0)
            await feed.getmany(self._tp, timeout_ms=_REFUSAL_MS)  # to be refused now rather than later
            return None
        for reach in _LOOK_BACK:  # over aborted transactions and markers
            began = max(start, end - reach)
            last = await self._last_of(feed, began, end)
            if last is not None or began == start:
                break
        if (feed.highwater(self._tp) or end) > end:
            raise BrokerUnavailable(f"an open transaction of another producer hides the end of {self._where}")
        if last is None:
            return () if began == 0 else None
        return tuple(last.headers)

    async def _last_of(self, feed: AIOKafkaConsumer, began: int, end: int) -> Any:
        """The last record that is committed of those in a range; None: there is none."""
        feed.seek(self._tp, began)
        last = None
        while await feed.position(self._tp) < end:
            found = await feed.getmany(self._tp, timeout_ms=_POLL_MS)
            for records in found.values():
                last = records[-1]
        return last


def published(position: Position, chain: Sequence[OutboxSlot], last: Headers | None, told: int) -> int:
    """What the results make of a C that the coordinator tells.

    A batch that is told to be published although not one of its answers is in the log is not published. The
    batch that the very last answer belongs to is, whatever is told.

    Args:
        position: where the state stands.
        chain: the batches that lead there.
        last: what `ResultLog.last` tells.
        told: in question only where one of these batches begins or ends.
    """
    if last is None or told not in {position.next, *(slot.first for slot in chain)}:
        return told
    answered = [(slot, answers) for slot in chain if (answers := _answers(slot))]
    unseen = [slot.first for slot, answers in answered if slot.next <= told and _precedes(last, answers[0])]
    seen = [slot.next for slot, answers in answered if slot.first >= told and answers[-1] == last]
    return min(unseen) if unseen else max(seen, default=told)


def chain_to(position: Position, slots: Sequence[OutboxSlot]) -> list[OutboxSlot]:
    """The batches of the outbox that lead to the position without a hole, the oldest first."""
    chain: list[OutboxSlot] = []
    reached = position.next
    for slot in reversed(slots):
        if slot.generation == position.generation and slot.next == reached:
            chain.insert(0, slot)
            reached = slot.first
    return chain


def _answers(slot: OutboxSlot) -> list[Headers]:
    batches = [batch for batch in unpack(slot.frames) if batch.topic.endswith(COMMAND_RESULTS)]
    return [headers for batch in batches for headers in batch.headers()]


def _precedes(one: Headers, other: Headers) -> bool:
    """Whether it answers an earlier command of the same generation, or none; else that cannot be told."""
    if one == ():
        return True
    earlier, later = _command_of(one), _command_of(other)
    if earlier is None or later is None or earlier >> GENERATION_SHIFT != later >> GENERATION_SHIFT:
        return False
    return earlier < later


def _command_of(headers: Headers) -> int | None:
    """The sequence number of the command that is answered."""
    return next((offset_in(value) for name, value in headers if name == "ce_sequence" and value), None)


class Believed(NamedTuple):
    """C, and what the coordinator tells it is. None: no offset."""

    offset: int | None
    told: int | None


async def published_up_to(
    reader: PartitionReader, results: ResultLog, store: Store, partition: str
) -> Believed:
    """C, as soon as it can be believed.

    What is neither the position nor proven by the very last answer must be told twice. What cannot be is
    asked for again for a while, and so is what the results do not bear out: brokers may be about to agree
    who leads.

    Raises:
        BrokerUnavailable, StoreUnavailable: try again later.
    """
    deadline = monotonic() + LOADING_SECONDS
    told = await reader.committed()
    while True:
        last, stored, asked = await results.last(), await store.position(partition), told
        if asked is None or stored is None:
            found, proven = asked, asked is not None or (stored is None and last is None)
            possible = not last and (stored is None or stored.last is None)
        else:
            chain = chain_to(stored, await store.outbox(partition))
            found = published(stored, chain, last, asked)
            proven = found > asked or found == asked == stored.next
            possible = asked >= stored.next or any(asked == slot.first for slot in chain)
        if not proven:
            told = await reader.settled(asked)
            if monotonic() < deadline and (told != asked or found != asked or not possible):
                continue
            if told != asked:
                raise BrokerUnavailable(
                    f"the group's offset of {partition} changes from question to question"
                )
        if found != asked:
            log.warning("the coordinator is wrong", place=partition, told=asked, published=found)
        return Believed(found, asked)
