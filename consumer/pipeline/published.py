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
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

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

    async def last(self) -> Headers | None:
        """The headers of the last answer; None: there is none, or nothing can be concluded from it.

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
        except UnicodeDecodeError:  # somebody else's record, with a header name that is not UTF-8
            return None
        except (KafkaError, TimeoutError) as error:
            where = f"{self._tp.topic}/{self._tp.partition}"
            raise broker_error(f"the end of {where} cannot be read", error) from error
        finally:
            await stop_consumer(feed)

    async def _last(self, feed: AIOKafkaConsumer) -> Headers | None:
        start = (await feed.beginning_offsets([self._tp]))[self._tp]
        end = (await feed.end_offsets([self._tp]))[self._tp]
        if end == 0:
            feed.seek(self._tp, 0)
            await feed.getmany(self._tp, timeout_ms=_REFUSAL_MS)  # to be refused now rather than later
        for reach in _LOOK_BACK:  # over aborted transactions and markers
            began = max(start, end - reach)
            records = await self._records(feed, began, end)
            if records or began == start:
                break
        if not records or feed.highwater(self._tp) != end:
            return None  # an open transaction, which is not ours, hides what follows
        return tuple(records[-1].headers)

    async def _records(self, feed: AIOKafkaConsumer, began: int, end: int) -> Sequence[Any]:
        """The last records of this range; none when it cannot be read to its end."""
        feed.seek(self._tp, began)
        records: Sequence[Any] = ()
        while (position := await feed.position(self._tp)) < end:
            found = await feed.getmany(self._tp, timeout_ms=_POLL_MS)
            records = found.get(self._tp, records)
            if not found and await feed.position(self._tp) == position:
                return ()
        return records


def published(position: Position, slots: Sequence[OutboxSlot], last: Headers | None, told: int) -> int:
    """What the results make of a C that the coordinator tells.

    A batch that is told to be published although not one of its answers is in the log is not published. The
    batch that the very last answer belongs to is, whatever is told.

    Args:
        position: where the state stands.
        slots: the outbox, by first offset.
        last: the headers of the last answer in the log.
        told: in question only where a batch of the outbox begins or ends.
    """
    chain = _chain(position, slots)
    if last is None or told not in {position.next, *(slot.first for slot in chain)}:
        return told
    answered = [(slot, answers) for slot in chain if (answers := _answers(slot))]
    unseen = [slot.first for slot, answers in answered if slot.next <= told and _precedes(last, answers[0])]
    seen = [slot.next for slot, answers in answered if slot.first >= told and answers[-1] == last]
    return min(unseen) if unseen else max(seen, default=told)


def _chain(position: Position, slots: Sequence[OutboxSlot]) -> list[OutboxSlot]:
    """The batches that lead to the position without a hole, the oldest first."""
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
    """Whether it answers an earlier command of the same generation; else that cannot be told."""
    earlier, later = _command_of(one), _command_of(other)
    if earlier is None or later is None or earlier >> GENERATION_SHIFT != later >> GENERATION_SHIFT:
        return False
    return earlier < later


def _command_of(headers: Headers) -> int | None:
    """The sequence number of the command that is answered."""
    return next((offset_in(value) for name, value in headers if name == "ce_sequence" and value), None)


async def published_up_to(
    reader: PartitionReader, results: ResultLog, store: Store, partition: str
) -> int | None:
    """C, as soon as it can be believed; None: the group has no offset.

    What is not the position must be told twice. What cannot be is asked for again for a while, and so is what
    the results do not bear out, for brokers may be about to agree who leads.
    """
    deadline = monotonic() + LOADING_SECONDS
    told = await reader.committed()
    while True:
        last = await results.last()
        stored = await store.position(partition)
        if stored is None:
            return told
        slots = await store.outbox(partition)
        asked, found = told, None if told is None else published(stored, slots, last, told)
        in_sight = asked is not None and found is not None and found > asked
        if not in_sight and not found == asked == stored.next:
            told = await reader.settled(asked)
            doubtful = found != asked or not _possible(stored, slots, last, asked)
            if told != asked or (doubtful and monotonic() < deadline):
                continue
        if found != asked:
            log.warning("the coordinator is wrong", place=partition, told=asked, published=found)
        return found


def _possible(
    position: Position, slots: Sequence[OutboxSlot], last: Headers | None, told: int | None
) -> bool:
    """Whether it can be: none before the first answer, before P only where a batch of the outbox begins."""
    if told is None:
        return position.last is None and last is None
    return told >= position.next or any(told == slot.first for slot in _chain(position, slots))
