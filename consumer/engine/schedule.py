"""Which partitions make the next batch. Pure: the worker's loop asks, and starts what is answered.

A batch costs the service, the broker and the database some 10 ms of processor together, however few
commands it holds. So under a low load one batch at a time takes what waits in all partitions. Under a
backlog several are stored side by side, each with its share of the partitions, because a MongoDB
transaction keeps no more than one connection and one core of the server busy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.engine.partition import Partition

FULL: Final = 100
"""Commands that are worth a batch of their own beside others that are being stored."""


class Queue:
    """A worker's partitions, those first that have waited longest.

    Args:
        lanes: how many batches may be stored side by side.
        most: commands in a batch.
    """

    def __init__(self, partitions: Iterable[Partition], *, lanes: int, most: int) -> None:
        self._partitions = list(partitions)
        self._lanes = lanes
        self._most = most

    @property
    def waiting(self) -> int:
        """Commands of which a batch could be made."""
        return sum(partition.intake.waiting for partition in self._partitions if partition.ready)

    def take(self, running: int) -> Sequence[Partition]:
        """The partitions of the next batch, which are busy from now on; none: better to wait."""
        chosen = next_batch(self._partitions, running=running, lanes=self._lanes, most=self._most)
        for partition in chosen:
            partition.busy = True
        self._partitions.sort(key=chosen.__contains__)  # stable: the others keep their order
        return chosen


def next_batch(
    partitions: Iterable[Partition], *, running: int, lanes: int, most: int
) -> Sequence[Partition]:
    """The partitions of the next batch; none: better to wait.

    Args:
        partitions: all of the worker's, those first that have waited longest.
        running: batches that are being stored.
        lanes: how many may be stored side by side.
        most: commands in a batch.
    """
    ready = [partition for partition in partitions if partition.ready]
    if running >= lanes or not ready:
        return ()
    if ready[0].alone:
        return ready[:1]
    ready = [partition for partition in ready if not partition.alone]
    waiting = sum(partition.intake.waiting for partition in ready)
    if running and waiting < FULL:
        return ()
    share = min(most, max(FULL, waiting // (lanes - running)))
    chosen: list[Partition] = []
    taken = 0
    for partition in ready:
        if taken >= share:
            break
        chosen.append(partition)
        taken += partition.intake.waiting
    return chosen
