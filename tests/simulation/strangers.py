"""Another program that writes to the journal, and takes its time to end its transaction."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.simulation.broker import JOURNAL
from tests.simulation.log import Transaction
from tests.unit.engine.logs import Record

if TYPE_CHECKING:
    import random

    from tests.simulation.broker import Broker

_SHARE: Final = 0.2
"""Of the schedules in which there are such transactions."""


class Intrusion(NamedTuple):
    """A transaction of another program: when it begins, where, and for how long, in seconds."""

    at: float
    partition: int
    seconds: float


class Stranger:
    """One open transaction with one record."""

    def __init__(self, broker: Broker, partition: int) -> None:
        self._broker = broker
        self._log = broker.log(JOURNAL, partition)
        self._transaction = Transaction("stranger", asyncio.get_running_loop().call_later(0, lambda: None))
        record = Record(JOURNAL, partition, self._log.end, self._log.last_time, b"hello", b"{}", ())
        self.offset = self._log.append(record, self._transaction)

    def end(self, *, commit: bool = False) -> None:
        """The marker is written."""
        self._transaction.committed = commit
        self._log.mark(self._transaction)
        self._broker.wake(JOURNAL)


def intrusions(draw: random.Random, partitions: int, seconds: float) -> list[Intrusion]:
    """Those of one schedule, which takes so long."""
    if draw.random() >= _SHARE:
        return []
    return [
        Intrusion(draw.random() * seconds, draw.randrange(partitions), draw.choice((0.1, 0.5, 3.0)))
        for _ in range(draw.randint(1, 4))
    ]


def intrude(broker: Broker, planned: list[Intrusion]) -> None:
    """Plans them; all are aborted."""
    loop = asyncio.get_running_loop()

    def begin(one: Intrusion) -> None:
        loop.call_later(one.seconds, Stranger(broker, one.partition).end)

    for one in planned:
        loop.call_later(one.at, begin, one)
