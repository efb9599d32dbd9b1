"""The gauge of expiring contracts, refreshed at a bounded cost."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.reading.statistics import ContractStatistics
    from consumer.telemetry.metrics import Metrics

SHARE: Final = 0.01
"""Maximum share of time spent on counting, which takes longer with more contracts."""


class ExpiringGauge:
    """Sets the gauge `expiring`. The longer a count takes, the less often it runs."""

    def __init__(
        self, statistics: ContractStatistics, metrics: Metrics, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._statistics = statistics
        self._metrics = metrics
        self._clock = clock
        self._next = float("-inf")

    async def refresh(self) -> None:
        """Counts if the last count was long enough ago. The time of a failed count is included.

        Raises:
            ServiceUnavailable: the gauge keeps its value.
        """
        began = self._clock()
        if began < self._next:
            return
        try:
            self._metrics.expiring(await self._statistics.expiring_counts())
        finally:
            ended = self._clock()
            self._next = ended + (ended - began) / SHARE
