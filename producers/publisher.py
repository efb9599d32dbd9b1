"""One input partition's transactional producer: outputs and input offset become visible together.

Starting it fences every earlier producer of the partition and settles its open transaction. After
any failure or doubt a publisher is thrown away and a new one started: only a fresh epoch protects
against a late request of the old one.

This is the one file that knows the inside of aiokafka's producer.
"""

from __future__ import annotations

import asyncio
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalOperation,
    KafkaError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.producer.sender import BaseHandler, EndTxnHandler, TxnOffsetCommitHandler
from aiokafka.structs import OffsetAndMetadata

from consumer.errors import BrokerDenied, BrokerUnavailable, LogError, PublisherFenced, PublishInDoubt
from producers.connection import let_go

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from producers.recordbatches import RecordBatch

RETRY_BACKOFF_MS: Final = 5
"""aiokafka's default of 100 is added to a transaction whenever the broker is still verifying a partition."""

STOP_SECONDS: Final = 2.0
"""A clean stop needs a broker; without one, aiokafka's stop() may never return."""

_DENIED: Final = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)


class Publisher:
    """Publishes one input partition's batches, each in a Kafka transaction.

    Args:
        make_producer: makes an unstarted producer with the given transactional id.
        group: consumer group whose offset each transaction commits.
        topic, partition: the input partition.
        deadline: seconds after which starting or publishing counts as failed.
    """

    def __init__(
        self,
        make_producer: Callable[[str], AIOKafkaProducer],
        *,
        group: str,
        topic: str,
        partition: int,
        deadline: float,
    ) -> None:
        self._make_producer = make_producer
        self._group = group
        self._input = TopicPartition(topic, partition)
        self._deadline = deadline
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Takes the partition's transactional id over, with a fresh producer.

        When it returns, no earlier producer can commit any more.

        Raises:
            BrokerUnavailable: no answer in time.
            BrokerDenied: missing permission.
        """
        await self.discard()
        topic, partition = self._input
        producer = self._make_producer(f"{self._group}-{topic}-{partition}")
        self._producer = producer
        self._guard(producer)
        try:
            async with asyncio.timeout(self._deadline):
                await producer.start()
                sender = producer._sender
                sender._do_txn_offset_commit = MethodType(_commit_offsets_once, sender)
                sender._do_txn_commit = MethodType(_end_transaction_once, sender)
        except (KafkaError, IllegalOperation, TimeoutError, OSError, AssertionError, LogError) as error:
            denied = _denial(producer)
            await self.discard()
            raise _unavailable("does not let the publisher start", denied or error) from error

    async def publish(self, batches: Sequence[RecordBatch], offset: int) -> None:
        """Publishes the batches and commits the input offset, all or nothing.

        Raises:
            PublishInDoubt: it may or may not have happened.
            PublisherFenced: another process has taken the partition over; nothing was published.
            BrokerDenied: missing permission; nothing was published.
        """
        producer = self._producer
        if producer is None:
            raise PublishInDoubt("the publisher was not started")
        try:
            async with asyncio.timeout(self._deadline):
                await self._transact(producer, batches, offset)
        except (Exception, asyncio.CancelledError) as error:
            failure = self._explained(error, producer, offset)
            await self.discard()  # or aiokafka would go on with the transaction when the broker is back
            if failure is None:
                raise
            raise failure from error

    def _explained(self, error: BaseException, producer: AIOKafkaProducer, offset: int) -> LogError | None:
        if isinstance(error, ProducerFenced):
            return PublisherFenced(f"another process publishes {self._input} now")
        if isinstance(error, _DENIED):
            return BrokerDenied(f"Kafka refuses to publish: {error!r}")
        if isinstance(error, KafkaError | IllegalOperation | TimeoutError | OSError | AssertionError):
            # aiokafka asserts its state machine: after a failure in the background it may be anywhere.
            if denied := _denial(producer):
                return BrokerDenied(f"Kafka refuses to publish: {denied!r}")
            return PublishInDoubt(f"publishing {self._input} up to {offset} is in doubt: {error!r}")
        return None

    async def _transact(
        self, producer: AIOKafkaProducer, batches: Sequence[RecordBatch], offset: int
    ) -> None:
        await producer.begin_transaction()
        # A failed batch does not make the commit fail: every single one is awaited before it.
        sent = [await producer.send_batch(_Prebuilt(b), b.topic, partition=b.partition) for b in batches]
        offsets = {self._input: OffsetAndMetadata(offset, "")}
        await asyncio.gather(*sent, producer.send_offsets_to_transaction(offsets, self._group))
        await producer.commit_transaction()

    async def discard(self) -> None:
        """Lets the producer go; from here on it starts no request."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        sender = producer._sender.sender_task
        ending = {asyncio.create_task(producer.client.close())}
        if sender is not None:
            sender.cancel()
            ending.add(sender)
        await asyncio.wait(ending, timeout=STOP_SECONDS)
        let_go(ending)
        producer._closed = True

    def _guard(self, producer: AIOKafkaProducer) -> None:
        """Lets it start no request once it is discarded: aiokafka's tasks would finish what they are at."""
        ready = producer.client.ready

        async def ready_and_in_use(*node: Any, **group: Any) -> bool:
            return await ready(*node, **group) and self._producer is producer

        producer.client.ready = ready_and_in_use


def _denial(producer: AIOKafkaProducer) -> BaseException | None:
    """The missing permission that ended the transaction in the background; None: it was something else."""
    for ended in (producer._sender.sender_task, producer._txn_manager._transaction_waiter):
        if ended is not None and ended.done() and not ended.cancelled():
            error: BaseException | None = ended.exception()
            for each in (error, error.__cause__ if error else None):
                if isinstance(each, _DENIED):
                    denied: BaseException = each
                    return denied
    return None


class _Prebuilt:
    """A finished record batch in the place of aiokafka's BatchBuilder."""

    def __init__(self, batch: RecordBatch) -> None:
        self._batch = batch
        self._buffer: bytearray | None = None

    def _set_producer_state(self, producer_id: int, epoch: int, sequence: int) -> None:
        self._buffer = self._batch.stamped(producer_id, epoch, sequence)

    def _build(self) -> bytearray | None:
        return self._buffer

    def record_count(self) -> int:
        return self._batch.records

    def closed(self) -> bool:
        return True


class _Once(BaseHandler):  # type: ignore[misc]
    """Asks once, where aiokafka would repeat the request after a transport error.

    The first request may still be on its way: late, it would end the *next* transaction or set its
    offset back.
    """

    async def do(self, node_id: int) -> bool:
        try:
            response = await self._sender.client.send(node_id, self.create_request(), group=self.group)
        except KafkaError as error:
            raise PublishInDoubt(f"no answer to {type(self).__name__}: {error!r}") from error
        backoff = self.handle_response(response)
        if backoff is None:
            return True
        await asyncio.sleep(backoff)
        return False


class _CommitOffsets(_Once, TxnOffsetCommitHandler):  # type: ignore[misc]
    """Sets the input offset within the transaction."""


class _EndTransaction(_Once, EndTxnHandler):  # type: ignore[misc]
    """Ends the transaction."""


async def _commit_offsets_once(sender: Any, offsets: Any, group: str) -> None:
    """Sender._do_txn_offset_commit of aiokafka, with `_CommitOffsets` for its handler."""
    try:
        coordinator = await sender._find_coordinator(CoordinationType.GROUP, group)
    except GroupAuthorizationFailedError as error:
        sender._txn_manager.error_transaction(error)
    else:
        await _CommitOffsets(sender, offsets, group).do(coordinator)


async def _end_transaction_once(sender: Any, result: Any) -> None:
    """Sender._do_txn_commit of aiokafka, with `_EndTransaction` for its handler."""
    await sender._message_accumulator.flush_for_commit()
    transaction = sender._txn_manager
    if transaction.is_empty_transaction():
        transaction.complete_transaction()
        return
    coordinator = await sender._find_coordinator(CoordinationType.TRANSACTION, transaction.transactional_id)
    await _EndTransaction(sender, result).do(coordinator)


def _unavailable(what: str, error: BaseException) -> LogError:
    if isinstance(error, _DENIED):
        return BrokerDenied(f"Kafka {what}: {error!r}")
    return BrokerUnavailable(f"Kafka {what}: {error!r}")
