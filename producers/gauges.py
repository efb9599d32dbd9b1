"""The gauge of what expires, refreshed at a bounded cost."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.reading.statistics import ContractStatistics
    from consumer.telemetry.metrics import Metrics

SHARE: Final = 0.01
"""Of the time, at most, is spent on counting: it takes longer the more contracts there are."""


class ExpiringGauge:
    """Sets `expiring`, counted in an index: the longer that takes, the rarer."""

    def __init__(
        self, statistics: ContractStatistics, metrics: Metrics, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._statistics = statistics
        self._metrics = metrics
        self._clock = clock
        self._next = float("-inf")

    async def refresh(self) -> None:
        """Counts, if it is time to. A count that failed has cost its time, too.

        Raises:
            ServiceUnavailable: the gauge stays as it is.
        """
        began = self._clock()
        if began < self._next:
            return
        try:
            self._metrics.expiring(await self._statistics.expiring_counts())
        finally:
            ended = self._clock()
            self._next = ended + (ended - began) / SHARE
