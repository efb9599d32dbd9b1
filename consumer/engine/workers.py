"""Reports on the work of a process on its partitions, for whichever worker does it now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from consumer.engine.batch_size import BatchSize
    from consumer.engine.worker import Worker
    from consumer.telemetry.health import Health
    from consumer.telemetry.metrics import Metrics

WORKER: Final = "worker"
"""The name of the worker in the health checks."""

STUCK_SECONDS: Final = 300.0
"""Maximum time without a turn of the worker, in seconds: each step of a takeover is shorter, or beats."""


class Workers:
    """Makes a worker for each assignment, and answers readiness checks about it."""

    def __init__(
        self, make: Callable[[Collection[int], int], Worker], health: Health, metrics: Metrics
    ) -> None:
        self._make = make
        self._health = health
        self._metrics = metrics
        self._worker: Worker | None = None
        self._count: int | None = None
        self._sizes: dict[int, BatchSize] = {}
        """What the workers of this process have learned of each partition."""

    def start(self, partitions: Collection[int], count: int) -> Worker:
        """The worker of a new assignment; `count`: the partition count of the topic."""
        self._worker = self._make(partitions, count)
        for number, partition in self._worker.partitions.items():
            partition.batch_size = self._sizes.setdefault(number, partition.batch_size)
            partition.batch_size.begin()  # an earlier worker's refusal is not one of this one
        self._health.watch(WORKER, within=STUCK_SECONDS)
        return self._worker

    def owned(self, partitions: Collection[int], count: int | None) -> None:
        """Sets the partitions that are worked on now."""
        self._metrics.partitions.owned(partitions)
        if count is not None:
            self._count = count
            self._metrics.partitions.input_partitions(count)
        if not partitions:
            self._worker = None
            self._health.forget(WORKER)

    def why_idle(self) -> str | None:
        """The stopped partitions and their errors; None if none is stopped."""
        if self._count is None:
            return "no partitions are assigned yet"
        if self._count == 0:
            return "the command topic is not there: was it deleted?"
        idle = {} if self._worker is None else self._worker.why_idle()
        return "; ".join(f"{partition}: {error}" for partition, error in sorted(idle.items())) or None

    def why_late(self, most_records: int | None, most_seconds: float | None) -> str | None:
        """The partitions whose lag is above the limits; None if there are none."""
        partitions = {} if self._worker is None else self._worker.partitions
        lags = {number: partition.delay.lag for number, partition in partitions.items()}
        late = [
            f"{number}: {lag.records} commands, the oldest {lag.seconds:.0f} s"
            for number, lag in lags.items()
            if (most_records is not None and lag.records > most_records)
            or (most_seconds is not None and lag.seconds > most_seconds)
        ]
        return "; ".join(late) or None
