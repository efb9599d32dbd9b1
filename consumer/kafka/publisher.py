"""A worker's transactional producer: outputs and the journal's progress become visible together.

To start it ends its previous epoch and that epoch's open transaction. After any failure its connections are
closed and it must be started again: only a new epoch protects against a delayed request of the old one.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiokafka.errors import InvalidProducerEpoch, InvalidTransactionTimeout, KafkaError, ProducerFenced

from consumer.errors import BrokerDenied, LogError, PublisherFenced, PublishInDoubt
from consumer.kafka.broker_errors import refusal_of
from consumer.kafka.cluster import close_client
from consumer.kafka.connection import broker_error
from consumer.kafka.patience import Patience
from consumer.kafka.together import together
from consumer.kafka.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence

    from aiokafka.client import AIOKafkaClient

    from consumer.kafka.recordbatches import RecordBatch

    TopicPartitions = Collection[tuple[str, int]]
    """Partitions, each as its topic and number."""
    MakeError = Callable[[BaseException], LogError]

_Part = TypeVar("_Part")
_FENCED: Final = (InvalidProducerEpoch, ProducerFenced)
_FAILURES: Final = (KafkaError, TimeoutError, OSError, AssertionError)
"""aiokafka asserts what it expects of the cluster's metadata."""


class Publisher:
    """Publishes record batches, many in each Kafka transaction.

    Args:
        make_client: makes an unconnected client.
        transactional_id: the id of this worker.
        deadline: seconds after which starting or publishing counts as failed, and after which the broker
            aborts what was left open.
    """

    def __init__(
        self, make_client: Callable[[], AIOKafkaClient], transactional_id: str, *, deadline: float
    ) -> None:
        self._make_client = make_client
        self._id = transactional_id
        self._deadline = deadline
        self.patience = Patience(deadline)
        self._client: AIOKafkaClient | None = None
        self._transactions: Transactions | None = None
        self._opening: asyncio.Task[None] | None = None
        """Begins the transaction that is published next."""

    async def start(self) -> None:
        """Begins a new epoch. When it returns, an earlier epoch cannot commit any more.

        Raises:
            BrokerUnavailable: no answer in time.
            BrokerDenied: missing permission.
        """
        await self.discard()
        client = self._client = self._make_client()
        _guard(client, lambda: self._client is client)
        transactions = _transactions(client, self._id, self.patience.seconds)
        failure = partial(_unavailable, "does not let the publisher start", [transactions])
        try:
            async with self._in_time(self._deadline, failure):
                await client.bootstrap()
                await transactions.begin_epoch()
        except LogError as error:
            if not isinstance(error.__cause__, InvalidTransactionTimeout) or not self.patience.refused():
                raise
            await self.start()
        else:
            self._transactions = transactions

    async def fence(self, transactional_ids: Collection[str]) -> None:
        """Ends the epochs of other workers and their open transactions.

        Raises:
            PublishInDoubt: it was not started.
            BrokerUnavailable, BrokerDenied: it is not known whether all of them have ended.
        """
        client = _started(self._client)
        others = [_transactions(client, each, self._deadline) for each in sorted(transactional_ids)]
        what = "does not end the transactions of other workers"
        async with self._in_time(self._deadline, partial(_unavailable, what, others)):
            await together(other.begin_epoch() for other in others)

    async def leaderless(self, partitions: TopicPartitions) -> Mapping[tuple[str, int], LogError]:
        """Those of these partitions that have no leader, and why, as far as it is known."""
        transactions = self._transactions
        return {} if transactions is None else await _leaderless(transactions, partitions, self._deadline)

    def open(self, partitions: TopicPartitions) -> None:
        """Begins the next transaction in the background, unless the last one has not ended.

        `publish` waits for it, and raises its error. `partitions`: to which it will probably publish.
        """
        if self._transactions is not None:
            self._opened(self._transactions, partitions)

    async def publish(self, batches: Sequence[RecordBatch], *, patient: bool = False) -> list[int]:
        """Publishes all batches or none; returns the offset of the first record of each.

        `patient`: it may take as long as `patience` says, where that has grown since the last start.

        Raises:
            PublishInDoubt: it is not known whether they were published.
            PublishRefused: Kafka refuses them until an operator changes something; nothing was published.
            PublisherFenced: another worker has taken over; nothing was published.
            BrokerDenied: missing permission; nothing was published.
        """
        transactions = _started(self._transactions)
        seconds = self.patience.seconds if patient else self._deadline
        async with self._in_time(seconds, partial(_failure, self._id, transactions)):
            await self._opened(transactions, ())  # also if none was: no other begins before this one ends
            offsets = await self._transact(transactions, batches)
        self._opening = None
        return offsets

    def _opened(self, transactions: Transactions, partitions: TopicPartitions) -> asyncio.Task[None]:
        if self._opening is None:
            self._opening = asyncio.create_task(transactions.register(partitions))
        return self._opening

    @asynccontextmanager
    async def _in_time(self, seconds: float, make_error: MakeError) -> AsyncIterator[None]:
        """After any failure, or too long, the connections are closed; `make_error` makes the error of it."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except BaseException as error:
            await self.discard()
            if not isinstance(error, _FAILURES):
                raise
            raise make_error(error) from error

    async def _transact(self, transactions: Transactions, batches: Sequence[RecordBatch]) -> list[int]:
        return await transactions.transact(batches)

    async def discard(self) -> None:
        """Closes the connections; no request is sent afterwards."""
        client, self._client, self._transactions = self._client, None, None
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])
        if client is not None:
            await close_client(client)


def _transactions(client: AIOKafkaClient, transactional_id: str, seconds: float) -> Transactions:
    return Transactions(client, transactional_id, timeout_ms=int(seconds * 1000))


def _started(part: _Part | None) -> _Part:
    if part is None:
        raise PublishInDoubt("the publisher was not started")
    return part


async def _leaderless(
    transactions: Transactions, partitions: TopicPartitions, seconds: float
) -> Mapping[tuple[str, int], LogError]:
    with suppress(*_FAILURES):
        async with asyncio.timeout(seconds):
            return await transactions.leaderless(partitions)
    return {}


def _guard(client: AIOKafkaClient, in_use: Callable[[], bool]) -> None:
    """Makes a discarded publisher send nothing: requests that wait for a connection are too late."""
    ready = client.ready

    async def ready_and_in_use(*node: Any, **group: Any) -> bool:
        return in_use() and await ready(*node, **group) and in_use()

    client.ready = ready_and_in_use


def _failure(worker: str, transactions: Transactions, error: BaseException) -> LogError:
    targets = transactions.refusals.partitions
    if isinstance(error, _FENCED):
        return PublisherFenced(f"another worker has ended the transactions of {worker}")
    if isinstance(broker_error("", error), BrokerDenied):
        return BrokerDenied(f"Kafka refuses to publish: {error!r}", targets)
    return refusal_of(error, targets) or PublishInDoubt(
        f"whether a transaction was published is in doubt: {_reason(error, [transactions])}"
    )


def _reason(error: BaseException, attempts: Iterable[Transactions]) -> str:
    """The error, and with a timeout also the reasons of repeated requests."""
    refusals = [last for attempt in attempts if (last := attempt.refusals.last) is not None]
    if isinstance(error, TimeoutError) and refusals:
        return f"{error!r} after {refusals[0]!r}"
    return repr(error)


def _unavailable(what: str, attempts: Iterable[Transactions], error: BaseException) -> LogError:
    kind = type(broker_error("", error))
    return kind(f"Kafka {what}: {_reason(error, attempts)}")
