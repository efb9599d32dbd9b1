"""How far a partition is behind its log, and what keeps it from being read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from consumer.engine.obstacle import Obstacle

if TYPE_CHECKING:
    from consumer.engine.intake import Intake
    from consumer.kafka.fetcher import Bounds, Fetched
    from consumer.telemetry.metrics import Metrics


class Lag(NamedTuple):
    """The lag of a partition; `seconds` is the age of its oldest waiting command."""

    records: int
    seconds: float


class Delay:
    """The delay of one partition."""

    def __init__(self, number: int, metrics: Metrics) -> None:
        self.lag = Lag(0, 0.0)
        self.obstacle = Obstacle(number, metrics)
        self._number = number
        self._metrics = metrics

    def answered(
        self, topic_partition: tuple[str, int], fetched: Fetched, intake: Intake, now: float
    ) -> None:
        """The broker has answered, and the records are taken in."""
        self.obstacle.answered(topic_partition, fetched, now)
        oldest, age = intake.oldest, self.obstacle.hidden_seconds(now)
        if oldest is not None:
            age = max(0.0, datetime.now(UTC).timestamp() - oldest / 1000)
        # Up to the high watermark, not only the last stable offset: the commands after the start of an open
        # transaction also wait.
        self.lag = Lag(intake.waiting + max(0, fetched.end - fetched.next), age)

    def looked_at(self, bounds: Bounds, reached: int | None) -> None:
        """Updates the lag if nothing is fetched; without a position the whole log counts as lag."""
        behind = max(0, bounds.end - (bounds.start if reached is None else reached))
        self.lag = Lag(behind, self._metrics.partitions.lag(self._number, behind, None))
