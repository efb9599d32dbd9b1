"""A publisher over the simulated broker."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from consumer.errors import BrokerUnavailable, LogError, PublisherFenced, PublishInDoubt, PublishRefused
from consumer.kafka.patience import Patience
from tests.simulation.calls import WRITE
from tests.simulation.clients import LEADERS
from tests.simulation.transactions import EpochEnded

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from consumer.kafka.recordbatches import RecordBatch
    from tests.simulation.broker import Broker
    from tests.simulation.calls import Caller

DEADLINE: Final = 5.0
LEADER_SECONDS: Final = 0.1


class SimulatedPublisher:
    """In the place of a Publisher."""

    def __init__(self, caller: Caller, transactional_id: str) -> None:
        self._caller = caller
        self._broker: Broker = caller.world.broker
        self._id = transactional_id
        self._epoch: int | None = None
        self._opening: asyncio.Task[None] | None = None
        self.patience = Patience(DEADLINE)

    async def start(self) -> None:
        await self.discard()
        self._epoch = await self._init(self._id)

    async def fence(self, transactional_ids: Collection[str]) -> None:
        for name in sorted(transactional_ids):
            await self._init(name)

    async def _init(self, name: str) -> int:
        try:
            async with asyncio.timeout(DEADLINE):
                await _ended(self._broker, name)
                epoch = await self._caller.call(
                    f"init of {name}",
                    lambda: self._broker.transactions.init(name),
                    BrokerUnavailable,
                    WRITE,
                )
                await _ended(self._broker, name)
                return epoch
        except TimeoutError as error:
            raise BrokerUnavailable("no answer in time") from error

    async def leaderless(self, partitions: Collection[tuple[str, int]]) -> dict[tuple[str, int], LogError]:
        lost = self._broker.leaderless.intersection(partitions if self._epoch is not None else ())
        return {place: BrokerUnavailable(f"{place} has no leader") for place in lost}

    def open(self, partitions: Collection[tuple[str, int]]) -> None:
        if self._epoch is not None:
            self._opened(self._epoch, partitions)

    def _opened(self, epoch: int, partitions: Collection[tuple[str, int]]) -> asyncio.Task[None]:
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(epoch, partitions))
        return self._opening

    async def _open(self, epoch: int, partitions: Collection[tuple[str, int]]) -> None:
        await _ended(self._broker, self._id)
        await _led(self._broker, partitions)

        def late() -> None:
            with suppress(EpochEnded):
                if self._broker.transactions.ending(self._id) is None:
                    self._broker.transactions.begin(self._id, epoch)

        transactions = self._broker.transactions
        await self._caller.call(
            "begin", lambda: transactions.begin(self._id, epoch), PublishInDoubt, WRITE, late=late
        )

    async def publish(self, batches: Sequence[RecordBatch], *, patient: bool = False) -> list[int]:
        if self._epoch is None:
            raise PublishInDoubt("the publisher was not started")
        try:
            async with asyncio.timeout(self.patience.seconds if patient else DEADLINE):
                await self._opened(self._epoch, {(batch.topic, batch.partition) for batch in batches})
                offsets = await self._transact(self._epoch, batches)
        except (Exception, asyncio.CancelledError) as error:
            await self.discard()
            if isinstance(error, EpochEnded):
                raise PublisherFenced(f"{self._id} is fenced") from error
            if isinstance(error, TimeoutError):
                raise PublishInDoubt("no answer in time") from error
            raise
        self._opening = None
        return offsets

    async def _transact(self, epoch: int, batches: Sequence[RecordBatch]) -> list[int]:
        await _taken(self._broker, {(batch.topic, batch.partition) for batch in batches})
        offsets: dict[int, int] = {}
        leaders = list(range(LEADERS))
        self._caller.world.chaos.random.shuffle(leaders)
        for leader in leaders:
            share = {n: batch for n, batch in enumerate(batches) if batch.partition % LEADERS == leader}
            if share:
                found = await self._produce(epoch, list(share.values()))
                offsets |= zip(share, found, strict=True)
        await self._caller.call(
            "end",
            lambda: self._broker.transactions.end(self._id, epoch),
            PublishInDoubt,
            WRITE,
        )
        return [offsets[number] for number in range(len(batches))]

    async def _produce(self, epoch: int, batches: Sequence[RecordBatch]) -> list[int]:
        meant = self._broker.transactions.open_of(self._id)

        def late() -> None:
            with suppress(EpochEnded):
                if meant is not None and meant.committed is None:
                    self._broker.transactions.produce(self._id, epoch, batches, late_for=meant)

        return await self._caller.call(
            f"produce {[f'{b.topic}/{b.partition}' for b in batches]}",
            lambda: self._broker.transactions.produce(self._id, epoch, batches),
            PublishInDoubt,
            WRITE,
            late=late,
        )

    async def discard(self) -> None:
        self._epoch = None
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])


async def _led(broker: Broker, partitions: Collection[tuple[str, int]]) -> None:
    """Until all have leaders, as the client waits for them."""
    while not broker.leaderless.isdisjoint(partitions):  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(LEADER_SECONDS)


async def _taken(broker: Broker, partitions: Collection[tuple[str, int]]) -> None:
    """The same, and that all take their records."""
    await _led(broker, partitions)
    if refused := broker.refusing & {*partitions}:
        raise PublishRefused("raise max.message.bytes of the topic", sorted(refused))


async def _ended(broker: Broker, name: str) -> None:
    while (ending := broker.transactions.ending(name)) is not None:
        await asyncio.shield(ending)
