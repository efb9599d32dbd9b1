"""Fetches for all partitions of a worker that have room, and keeps their lag up to date."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import time_ns
from typing import TYPE_CHECKING, Final

from consumer.engine.apply import SLICE
from consumer.engine.limits import WAITING_BYTES
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

    from consumer.engine.intake import Intake
    from consumer.engine.partition import Partition
    from consumer.kafka.fetcher import Fetcher
    from consumer.telemetry.metrics import Metrics
    from consumer.telemetry.traces import Traces

WAIT_MS: Final = 500
"""Maximum time that the broker waits for a first record, in milliseconds."""

SHORT_WAIT_MS: Final = 100
"""The same while some partitions have enough records: they must be fetched again soon."""

MOST_WAITING: Final = 6_000
LEAST_ROOM: Final = 100
"""Waiting records in memory: about the first number in total, but at least the second in each partition."""

DAMAGE_SECONDS: Final = 60.0
"""How long damaged records are fetched again before the partition stops, in seconds."""


class Reading:
    """Fetches the log for one worker.

    Args:
        partitions: by number; fetched records go to their intakes.
        batch_commands: maximum number of commands in a batch.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        partitions: Mapping[int, Partition],
        *,
        batch_commands: int,
        metrics: Metrics,
        traces: Traces,
    ) -> None:
        self._fetcher = fetcher
        self._partitions = partitions
        self._metrics = metrics
        self._traces = traces
        among = max(1, len(partitions))
        self._room = min(2 * batch_commands, max(LEAST_ROOM, MOST_WAITING // among))
        self._room_bytes = WAITING_BYTES // among
        self._ahead = max(1, batch_commands // among)

    async def start(self) -> None:
        """Connects, unless it is connected.

        Raises:
            BrokerUnavailable, BrokerDenied: no broker answers, or it refuses access.
        """
        await self._fetcher.start()

    async def stop(self) -> None:
        """Closes the connection; also without a broker."""
        await self._fetcher.stop()

    def wanted(self, now: float) -> tuple[dict[int, int], int] | None:
        """The offsets to fetch from, and the time to wait; None: all partitions have enough records."""
        working = [partition for partition in self._partitions.values() if partition.working]
        hungry = [p for p in working if self._has_room(p.intake) and p.delay.obstacle.ask_from <= now]
        if not hungry:
            return None
        wait = WAIT_MS if len(hungry) == len(working) else SHORT_WAIT_MS
        return {partition.number: partition.intake.next for partition in hungry}, wait

    def _has_room(self, intake: Intake) -> bool:
        """Also if its next record is larger than its share of the memory."""
        waiting = intake.waiting
        return not waiting or (waiting < self._room and intake.bytes < self._room_bytes)

    async def fetch(self, positions: Mapping[int, int], wait_ms: int) -> None:
        """Fetches once, and decodes what the next batch will probably take.

        Raises:
            LogError: take over again.
        """
        since = time_ns()
        with self._metrics.stage("fetch"):
            found = await self._fetcher.fetch(positions, timeout_ms=wait_ms)
        now = asyncio.get_running_loop().time()
        new = 0
        for number, fetched in found.items():
            partition = self._partitions[number]
            if isinstance(fetched, ContractsError):
                self._not_fetched(partition, fetched, now)
            elif partition.take_in(fetched, now):
                self._metrics.partitions.lag(number, *partition.delay.lag)
                if partition.publication.replay_to(partition.position) is None:
                    new += len(fetched.records)
        self._keep_within_budget()
        self._traces.fetched(new, since)
        for number in found:  # while the database is busy with the last batch
            await self._partitions[number].intake.decode(self._ahead, SLICE)

    def _keep_within_budget(self) -> None:
        """Drops what was fetched beyond the shares: records can be many times larger than the answer.

        Without that many partitions, each with one answer of compressed records, could fill the memory.
        """
        if sum(partition.intake.bytes for partition in self._partitions.values()) > WAITING_BYTES:
            for partition in self._partitions.values():
                partition.intake.cut(self._room_bytes)

    def _not_fetched(self, partition: Partition, error: ContractsError, now: float) -> None:
        """Reports a partition that cannot be read. It is tried again: another replica may be intact.

        Raises:
            OutOfLog: the position is not in the log. The takeover finds out why.
        """
        if isinstance(error, OutOfLog):
            raise error
        partition.delay.obstacle.refused(error, now)

    def hopeless(self) -> list[tuple[Partition, PositionError]]:
        """The partitions with damaged next records and nothing earlier left to apply or publish."""
        now = asyncio.get_running_loop().time()
        return [
            (partition, LogDamaged(error.topic, error.partition, offset=error.offset))
            for partition in self._partitions.values()
            if partition.working
            and partition.drained
            and isinstance(error := partition.delay.obstacle.error, RecordDamaged)
            and partition.delay.obstacle.seconds(now) >= DAMAGE_SECONDS
        ]

    def idle(self) -> bool:
        """Whether the partitions that are worked on have nothing left to do, but for refused commands."""
        working = [p for p in self._partitions.values() if p.working and p.batch_size.refusal is None]
        return all(p.drained and not p.delay.lag.records for p in working)

    async def look(self, numbers: Collection[int]) -> None:
        """Reads the lag of partitions that are not fetched."""
        with suppress(LogError):
            led = set(numbers) - (await self._fetcher.leaderless(numbers)).keys()
            for number, bounds in (await self._fetcher.bounds(led)).items():
                partition = self._partitions[number]
                reached = partition.position.next if partition.taken_over else None
                partition.delay.looked_at(bounds, reached)
