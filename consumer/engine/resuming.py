"""Takes the partitions of a worker over: each then continues, stops, or waits until it can be taken over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.errors import DeadLetterLimit, ForeignDocument, LogError, PositionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.engine.partition import Partition
    from consumer.engine.reading import Reading
    from consumer.engine.storing import Storing
    from consumer.engine.takeover import Resumed, Takeover
    from consumer.telemetry.metrics import Metrics


_PAUSES: Final = (0.0, 0.0, 5.0, 10.0, 30.0, 60.0)
"""Before a partition that is left out in turn is taken over, in seconds: each time the others wait."""


class _LeftOut(NamedTuple):
    """How many times in turn a partition was left out, and the time before which it is not taken over."""

    times: int
    until: float


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
        self._left_out: dict[int, _LeftOut] = {}

    async def run(self, reason: str) -> None:
        """Takes them over once.

        Raises:
            StoreError, LogError, ForeignDocument: try again later.
        """
        wanted = self.wanted()
        self._metrics.resumed(reason, len(wanted))
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
        if isinstance(outcome, LogError):
            partition.delay.obstacle.leave_out(outcome, now)
            self._left_out[partition.number] = _left_out_again(self._left_out.get(partition.number), now)
            return
        if self._left_out.pop(partition.number, None):
            partition.delay.obstacle.gone(now)
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
        waiting = [number for number in self.wanted() if number in self._left_out]
        if not waiting:
            return False
        try:
            still = await self._takeover.out_of_reach(waiting)
        except LogError:
            return False  # no broker answers
        now = asyncio.get_running_loop().time()
        for number, error in still.items():
            self._partitions[number].delay.obstacle.leave_out(error, now)
        return any(number not in still and self._left_out[number].until <= now for number in waiting)


def _left_out_again(before: _LeftOut | None, now: float) -> _LeftOut:
    times = before.times if before else 0
    return _LeftOut(times + 1, now + _PAUSES[min(times, len(_PAUSES) - 1)])
