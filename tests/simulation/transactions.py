"""The coordinator of the broker's transactions.

What Kafka promises is kept, and what it does not promise is made use of: markers come late and not to all
partitions at once, requests of clients that gave up are done all the same.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.log import Log, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consumer.kafka.recordbatches import RecordBatch
    from tests.simulation.broker import Broker
    from tests.simulation.chaos import Chaos

TRANSACTION_SECONDS: Final = 20.0
"""After which the coordinator ends a transaction of a client that does nothing."""

_LEADER_SECONDS: Final = 0.1
"""Pause between two looks for the leader of a partition that has none."""


class EpochEnded(Exception):
    """A newer producer has this transactional id."""


class Producer:
    """What the coordinator keeps of a transactional id."""

    __slots__ = ("epoch", "transaction")

    def __init__(self) -> None:
        self.epoch = 0
        self.transaction: Transaction | None = None


class Coordinator:
    """Who has which transaction open, and what becomes of it.

    Args:
        committed: called for each partition that gets a commit marker, with what was committed there.
    """

    def __init__(self, broker: Broker, chaos: Chaos, committed: Callable[[Log, list[Any]], None]) -> None:
        self._broker = broker
        self._chaos = chaos
        self._committed = committed
        self._producers: dict[str, Producer] = {}

    def ending(self, name: str) -> asyncio.Future[None] | None:
        """Done once the transaction that is being ended has all its markers; None: there is none."""
        transaction = self._producer(name).transaction
        return None if transaction is None or transaction.committed is None else transaction.ended

    def init(self, name: str) -> int:
        """InitProducerId: ends the epoch, and what it had open; returns the new epoch."""
        producer = self._producer(name)
        producer.epoch += 1
        self._decide(producer, commit=False)
        return producer.epoch

    def produce(
        self, name: str, epoch: int, batches: Sequence[RecordBatch], *, late_for: Transaction | None = None
    ) -> list[int]:
        """Appends the batches; the offset of the first record of each.

        Args:
            late_for: the transaction that a late request was meant for; in any other it is refused.

        Raises:
            EpochEnded: of a newer producer.
        """
        producer = self._current(name, epoch)
        if late_for is not None and producer.transaction is not late_for:
            return []
        transaction = producer.transaction
        assert transaction is not None, "the client has to begin it first"
        assert transaction.committed is None, "the client has to wait for the markers"
        return [self._broker.append(batch, transaction) for batch in batches]

    def begin(self, name: str, epoch: int) -> Transaction:
        """The open transaction of an id; a new one, if there is none. Raises EpochEnded."""
        producer = self._current(name, epoch)
        if producer.transaction is None:
            timer = asyncio.get_running_loop().call_later(TRANSACTION_SECONDS, self._expire, name, epoch)
            producer.transaction = Transaction(name, timer)
        assert producer.transaction.committed is None, "the client has to wait for the markers"
        return producer.transaction

    def open_of(self, name: str) -> Transaction | None:
        """The open transaction of an id."""
        return self._producer(name).transaction

    def end(self, name: str, epoch: int) -> None:
        """EndTxn with a commit: of whatever this epoch has open, as the request names no transaction.

        Raises:
            EpochEnded: of a newer producer.
        """
        self._decide(self._current(name, epoch), commit=True)

    def is_current(self, name: str, epoch: int) -> bool:
        """Whether no newer producer has this id."""
        return self._producer(name).epoch == epoch

    def _producer(self, name: str) -> Producer:
        return self._producers.setdefault(name, Producer())

    def _current(self, name: str, epoch: int) -> Producer:
        producer = self._producer(name)
        if producer.epoch != epoch:
            raise EpochEnded(name)
        return producer

    def _expire(self, name: str, epoch: int) -> None:
        producer = self._producer(name)
        if producer.epoch == epoch:
            producer.epoch += 1
            self._decide(producer, commit=False)

    def _decide(self, producer: Producer, *, commit: bool) -> None:
        """All or nothing is decided here; the partitions hear of it one after the other."""
        transaction = producer.transaction
        if transaction is None or transaction.committed is not None:
            return
        transaction.committed = commit
        transaction.timer.cancel()
        logs = list(transaction.logs)
        self._chaos.random.shuffle(logs)
        first = self._chaos.random.randint(0, len(logs))
        led = [log for log in logs[:first] if (log.topic, log.partition) not in self._broker.leaderless]
        self._mark(transaction, led)
        later = self._chaos.seconds() if self._chaos.fault(_SLOW) else self._latency()
        rest = [log for log in logs if log not in led]
        asyncio.get_running_loop().call_later(later, self._finish, producer, transaction, rest)

    def _latency(self) -> float:
        return self._chaos.latency() * self._chaos.sizes.kafka_pace

    def _finish(self, producer: Producer, transaction: Transaction, logs: Sequence[Log]) -> None:
        if any((log.topic, log.partition) in self._broker.leaderless for log in logs):
            asyncio.get_running_loop().call_later(_LEADER_SECONDS, self._finish, producer, transaction, logs)
            return
        self._mark(transaction, logs)
        producer.transaction = None
        transaction.ended.set_result(None)

    def _mark(self, transaction: Transaction, logs: Sequence[Log]) -> None:
        for log in logs:
            first = log.open[transaction]
            log.mark(transaction)
            if transaction.committed:
                entries = [e[0] for e in log.entries[first:] if e is not None and e[1] is transaction]
                self._committed(log, entries)
        for topic in dict.fromkeys(log.topic for log in logs):
            self._broker.wake(topic)


_SLOW: Final = frozenset({"slow"})
