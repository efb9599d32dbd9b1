"""Chooses the partitions of the next batch. Pure: the worker's loop asks, and starts the batch.

A batch costs the service, the broker and the database some 10 ms of processor together, however few
commands it holds. So under a low load one batch at a time takes what waits in all partitions. With much lag
several are stored at the same time, each with its share of the partitions, because a MongoDB
transaction keeps no more than one connection and one core of the server busy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.engine.partition import Partition

FULL: Final = 100
"""Number of commands for which a separate batch is worthwhile while others are being stored."""


class Queue:
    """The partitions of a worker, in order of how long they have waited.

    Args:
        lanes: maximum number of batches stored at the same time.
        most: commands in a batch.
    """

    def __init__(self, partitions: Iterable[Partition], *, lanes: int, most: int) -> None:
        self._partitions = list(partitions)
        self._lanes = lanes
        self._most = most

    @property
    def waiting(self) -> int:
        """Number of waiting commands in partitions that could make a batch."""
        return sum(partition.intake.waiting for partition in self._partitions if partition.ready)

    def take(self, running: int) -> Sequence[Partition]:
        """The partitions of the next batch, which are busy from now on; empty: wait."""
        chosen = next_batch(self._partitions, running=running, lanes=self._lanes, most=self._most)
        for partition in chosen:
            partition.busy = True
        self._partitions.sort(key=chosen.__contains__)  # a stable sort: the others keep their order
        return chosen


def next_batch(
    partitions: Sequence[Partition], *, running: int, lanes: int, most: int
) -> Sequence[Partition]:
    """The partitions of the next batch; empty: wait.

    Args:
        partitions: all of the worker's, in order of how long they have waited.
        running: batches that are being stored.
        lanes: maximum number of batches stored at the same time.
        most: commands in a batch.
    """
    ready = [partition for partition in partitions if partition.ready]
    if running >= lanes or not ready:
        return ()
    if ready[0].alone:
        return ready[:1]
    ready = [partition for partition in ready if not partition.alone]
    waiting = sum(partition.intake.waiting for partition in ready)
    isolated = sum(partition.busy and partition.alone for partition in partitions)
    if running > isolated and waiting < FULL:  # an isolated one may take until the time limit
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


def parts_of(commands: int, waiting: Sequence[int]) -> list[int]:
    """How many of a batch's commands each partition has, at least one: what waits, or an equal part.

    What one does not need is divided among those with more: a partition that is behind takes most of the
    batch, however many others have a command or two.
    """
    parts = [0] * len(waiting)
    left = commands
    for done, number in enumerate(sorted(range(len(waiting)), key=waiting.__getitem__)):
        parts[number] = max(1, min(waiting[number], -(-left // (len(waiting) - done))))
        left = max(0, left - parts[number])
    return parts
