"""Fetches for all partitions of a worker that have room, and tells what waits in them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from consumer.errors import (
    ContractsError,
    LogDamaged,
    LogError,
    OutOfLog,
    PositionError,
    RecordDamaged,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.engine.partition import Partition
    from consumer.kafka.fetcher import Fetcher
    from consumer.telemetry.metrics import Metrics

WAIT_MS: Final = 500
"""How long the broker waits for a first record when there is none."""

SHORT_WAIT_MS: Final = 100
"""The same while some partitions have enough for now: they want to be asked for again soon."""

MOST_WAITING: Final = 6_000
LEAST_ROOM: Final = 100
"""Records that wait in memory: about the first number in all, but the second in each partition at least."""

DAMAGE_SECONDS: Final = 60.0
"""How long damaged records are tried again, before the partition waits for a decision."""


class Reading:
    """One worker's way from the log to what waits.

    Args:
        partitions: by number; their intakes are filled.
        batch_commands: the most that one batch takes.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        partitions: Mapping[int, Partition],
        *,
        batch_commands: int,
        metrics: Metrics,
    ) -> None:
        self._fetcher = fetcher
        self._partitions = partitions
        self._metrics = metrics
        share = MOST_WAITING // max(1, len(partitions))
        self._room = min(2 * batch_commands, max(LEAST_ROOM, share))

    async def start(self) -> None:
        """Connects, unless it is connected.

        Raises:
            BrokerUnavailable, BrokerDenied: no broker answers, or it refuses us.
        """
        await self._fetcher.start()

    async def stop(self) -> None:
        """Ends the connection; also without a broker."""
        await self._fetcher.stop()

    def wanted(self, now: float) -> tuple[dict[int, int], int] | None:
        """From which offsets to fetch, and how long to wait; None: everybody has enough."""
        working = [partition for partition in self._partitions.values() if partition.error is None]
        hungry = [p for p in working if p.intake.waiting < self._room and p.obstacle.ask_from <= now]
        if not hungry:
            return None
        wait = WAIT_MS if len(hungry) == len(working) else SHORT_WAIT_MS
        return {partition.number: partition.intake.next for partition in hungry}, wait

    async def fetch(self, positions: Mapping[int, int], wait_ms: int) -> None:
        """Takes in what comes next.

        Raises:
            LogError: take over again.
        """
        with self._metrics.stage("fetch"):
            found = await self._fetcher.fetch(positions, timeout_ms=wait_ms)
        now = asyncio.get_running_loop().time()
        for number, fetched in found.items():
            partition = self._partitions[number]
            if isinstance(fetched, ContractsError):
                self._not_fetched(partition, fetched, now)
            elif partition.take_in(fetched, now):
                self._metrics.partitions.lag(number, *partition.lag)

    def _not_fetched(self, partition: Partition, error: ContractsError, now: float) -> None:
        """What cannot be read is tried again, and told meanwhile: another replica may be sound.

        Raises:
            OutOfLog: the position is not in the log. Only a takeover looks at everything before it says why.
        """
        if isinstance(error, OutOfLog):
            raise error
        partition.obstacle.refused(error, now)

    def hopeless(self) -> list[tuple[Partition, PositionError]]:
        """The partitions whose next records stay damaged; all that came before is applied and published."""
        now = asyncio.get_running_loop().time()
        return [
            (partition, LogDamaged(error.topic, error.partition, offset=error.offset))
            for partition in self._partitions.values()
            if partition.error is None
            and partition.drained
            and isinstance(error := partition.obstacle.error, RecordDamaged)
            and partition.obstacle.seconds(now) >= DAMAGE_SECONDS
        ]

    async def look(self, numbers: Collection[int]) -> None:
        """Asks what waits where nothing is fetched."""
        with suppress(LogError):
            for number, bounds in (await self._fetcher.bounds(numbers)).items():
                self._partitions[number].looked_at(bounds)
