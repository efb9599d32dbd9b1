"""Takes the partitions of a worker over: each then continues, stops, or waits until it can be taken over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from consumer.errors import DeadLetterLimit, ForeignDocument, LogError, PositionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.engine.partition import Partition
    from consumer.engine.reading import Reading
    from consumer.engine.storing import Storing
    from consumer.engine.takeover import Resumed, Takeover
    from consumer.telemetry.metrics import Metrics


class Resuming:
    """Takeovers of all partitions of a worker that an operator need not decide about.

    Args:
        partitions: of the worker, by number.
    """

    def __init__(
        self,
        partitions: Mapping[int, Partition],
        *,
        takeover: Takeover,
        reading: Reading,
        storing: Storing,
        metrics: Metrics,
    ) -> None:
        self._partitions = partitions
        self._takeover = takeover
        self._reading = reading
        self._storing = storing
        self._metrics = metrics

    async def run(self, reason: str) -> None:
        """Takes them over once.

        Raises:
            StoreError, LogError, ForeignDocument: try again later.
        """
        wanted = self.wanted()
        self._metrics.resumed(reason)
        with self._metrics.stage("resume"):
            taken = await self._takeover.run(wanted)
        self._storing.owner = self._takeover.owner
        now = asyncio.get_running_loop().time()
        for number, outcome in taken.items():
            await self._begin(self._partitions[number], outcome, now)

    def wanted(self) -> list[int]:
        """The partitions that a takeover is about."""
        # Also one that stopped because of dead letters: it may have a batch that is not published yet.
        return [
            number
            for number, partition in self._partitions.items()
            if not isinstance(partition.error, PositionError | ForeignDocument)
        ]

    async def _begin(
        self, partition: Partition, outcome: Resumed | PositionError | LogError, now: float
    ) -> None:
        obstacle = partition.delay.obstacle
        if isinstance(outcome, LogError):
            obstacle.leave_out(outcome, now)
            partition.busy = False  # by a batch that the failure before the takeover has ended
            if isinstance(partition.error, DeadLetterLimit):
                await self._storing.note_stop(partition)
            return
        if obstacle.left_out:
            obstacle.gone(now)
        if isinstance(outcome, PositionError):
            partition.stop(outcome)
            return
        partition.go_on_from(outcome)
        self._metrics.partitions.stored(partition.number, partition.position.tallies)
        if isinstance(partition.error, DeadLetterLimit):
            await self._storing.note_stop(partition)  # the claim has ended it

    async def look(self) -> bool:
        """Reads the lag of partitions that are not fetched, and stores reasons that are not stored yet.

        True: one that was left out can be taken over.
        """
        idle = [number for number, partition in self._partitions.items() if not partition.working]
        if idle:
            await self._reading.look(idle)
            await self._storing.stops.note_again()
        obstacles = {number: self._partitions[number].delay.obstacle for number in self.wanted()}
        waiting = {number: each.left_out for number, each in obstacles.items() if each.left_out}
        if not waiting:
            return False
        try:
            still = await self._takeover.out_of_reach(waiting)
        except LogError:
            return False  # no broker answers
        now = asyncio.get_running_loop().time()
        for number, error in still.items():
            obstacles[number].stays_left_out(error, now)
        return any(number not in still and left_out.until <= now for number, left_out in waiting.items())
