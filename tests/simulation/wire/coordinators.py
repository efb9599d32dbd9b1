"""The requests of transactions, as the coordinator of a transactional id answers them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiokafka import errors as kafka

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.chaos import Chaos
    from tests.simulation.log import Transaction
    from tests.simulation.transactions import Coordinator

NODES: Final = (1, 2, 3)
OK: Final = 0


class Coordinators:
    """Which broker coordinates which id, and what it answers."""

    def __init__(self, transactions: Coordinator, chaos: Chaos) -> None:
        self._transactions = transactions
        self._chaos = chaos
        self._nodes: dict[str, int] = {}
        self._producer_ids: dict[str, int] = {}
        self._registered: dict[Transaction, set[tuple[str, int]]] = {}
        """The partitions of each transaction."""
        self._late: dict[str, Callable[[], Any]] = {}

    def later(self, name: str, end: Callable[[], Any]) -> None:
        """An EndTxn arrives when this id has written its next batch, the worst moment."""
        self._late[name] = end

    def wrote(self, name: str) -> None:
        """A batch of a transaction of this id is written."""
        if name in self._late:
            asyncio.get_running_loop().call_soon(self._late.pop(name))

    def move(self) -> None:
        """An id has another coordinator, perhaps."""
        if self._nodes:
            name = self._chaos.random.choice(sorted(self._nodes))
            self._nodes[name] = self._chaos.random.choice(NODES)

    def producer_id(self, name: str) -> int:
        """Of a transactional id."""
        return self._producer_ids.setdefault(name, 1_000 + len(self._producer_ids))

    def find(self, _: int, request: Any) -> Any:
        """FindCoordinator, which any broker answers."""
        name = request.coordinator_key
        node = self._nodes.setdefault(name, NODES[len(self._nodes) % len(NODES)])
        return request.RESPONSE_TYPE(0, OK, None, node, f"node-{node}", 9092)

    def init(self, node: int, request: Any) -> Any:
        """InitProducerId: again until what was open is aborted."""
        name = request.transactional_id
        code, epoch = self._unable(node, name), -1
        if not code:
            epoch = self._transactions.init(name)
            code = self._unable(node, name)
        return request.RESPONSE_TYPE(0, code, self.producer_id(name), epoch)

    def add(self, node: int, request: Any) -> Any:
        """AddPartitionsToTxn: opens the transaction, if it is not open."""
        name, epoch = request.transactional_id, request.producer_epoch
        code = self._unable(node, name) or self.outdated(name, epoch)
        if not code:
            places = self._registered.setdefault(self._transactions.begin(name, epoch), set())
            places |= {(topic, number) for topic, numbers in request.topics for number in numbers}
        topics = [(topic, [(number, code) for number in numbers]) for topic, numbers in request.topics]
        return request.RESPONSE_TYPE(0, topics)

    def end(self, node: int, request: Any) -> Any:
        """EndTxn: of whatever this epoch has open, as the request names no transaction."""
        name, epoch = request.transactional_id, request.producer_epoch
        code = self._unable(node, name) or self.outdated(name, epoch)
        if not code:
            self._transactions.end(name, epoch)
        return request.RESPONSE_TYPE(0, code)

    def open_with(self, name: str, topic: str, number: int) -> Transaction | None:
        """The open transaction of an id, if this partition is registered with it."""
        transaction = self._transactions.open_of(name)
        if transaction is None or transaction.committed is not None:
            return None
        return transaction if (topic, number) in self._registered[transaction] else None

    def outdated(self, name: str, epoch: int) -> int:
        """The error of an epoch that has ended."""
        current = self._transactions.is_current(name, epoch)
        return OK if current else kafka.InvalidProducerEpoch.errno

    def _unable(self, node: int, name: str) -> int:
        """The error of a broker that cannot serve this id now."""
        if self._nodes.get(name) != node:
            return kafka.NotCoordinatorError.errno
        ending = self._transactions.ending(name) is not None
        return kafka.ConcurrentTransactions.errno if ending else OK
