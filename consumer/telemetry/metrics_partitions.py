"""Gauges of the owned partitions, computed when Prometheus scrapes.

The age of the oldest waiting command must also grow between two fetches. While MongoDB is unavailable
nothing is fetched, and a gauge set by the last fetch would stay constant during the outage.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final, get_args

from prometheus_client.registry import Collector

from schemas.types import ContractTypeName, StatusName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

    from prometheus_client.core import GaugeMetricFamily

NOT_STOPPED: Final = "none"
"""The reason of a partition that works. Without this series the first error would have no earlier value to
compare with."""


@dataclass(slots=True)
class _Partition:
    waiting: int = 0
    since: float | None = None
    stopped: str = NOT_STOPPED
    unread: str = NOT_STOPPED
    unread_since: float = 0.0
    tallies: Mapping[str, int | Decimal] = field(default_factory=dict)


class PartitionGauges(Collector):
    """Lag, stops and stored contracts of the owned partitions.

    Args:
        make: returns an empty gauge family for a metric name.
    """

    def __init__(
        self,
        make: Callable[[str], GaugeMetricFamily],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._make = make
        self._clock = clock
        self._partitions: dict[int, _Partition] = {}
        self._input_partitions: int | None = None

    def owned(self, partitions: Iterable[int]) -> None:
        """Sets the partitions that this process owns.

        The others are no longer exported: their owner does that.
        """
        known = self._partitions
        self._partitions = {number: known.get(number, _Partition()) for number in partitions}

    def input_partitions(self, count: int) -> None:
        """Sets the number of partitions of the command topic, in all processes together."""
        self._input_partitions = count

    def lag(self, partition: int, records: int, seconds: float | None) -> float:
        """Sets the lag and returns its age in seconds.

        Args:
            partition: its number.
            records: how many commands wait.
            seconds: age of the oldest; None: keep the known age, or 0 if nothing waited before.
        """
        now, known = self._clock(), self._partitions.setdefault(partition, _Partition())
        known.waiting = records
        if not records:
            known.since = None
        elif seconds is not None:
            known.since = now - seconds
        elif known.since is None:
            known.since = now
        return 0.0 if known.since is None else now - known.since

    def stopped(self, partition: int, reason: str) -> None:
        """The partition has stopped, for this reason, until an operator decides."""
        self._partitions.setdefault(partition, _Partition()).stopped = reason
        self.read(partition)  # a stopped partition is not fetched

    def unread(self, partition: int, reason: str, seconds: float) -> None:
        """Nothing could be read from the partition for this many seconds."""
        known = self._partitions.setdefault(partition, _Partition())
        known.unread, known.unread_since = reason, self._clock() - seconds

    def read(self, partition: int) -> None:
        """The partition can be read."""
        self._partitions.setdefault(partition, _Partition()).unread = NOT_STOPPED

    def stored(self, partition: int, tallies: Mapping[str, int | Decimal]) -> None:
        """Sets the contract counts of the partition, which are stored with its position."""
        self._partitions.setdefault(partition, _Partition()).tallies = tallies

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yields one family for each metric, with the owned partitions only."""
        now = self._clock()
        records, seconds, stopped, unread = map(
            self._make,
            ("consumer_lag_records", "consumer_lag_seconds", "partition_stopped", "partition_unread_seconds"),
        )
        tallies: defaultdict[str, int | Decimal] = defaultdict(int)
        partitions = dict(self._partitions)
        for number, known in sorted(partitions.items()):
            records.add_metric([str(number)], known.waiting)
            seconds.add_metric([str(number)], 0.0 if known.since is None else now - known.since)
            stopped.add_metric([str(number), known.stopped], known.stopped != NOT_STOPPED)
            unread.add_metric(
                [str(number), known.unread],
                0.0 if known.unread == NOT_STOPPED else now - known.unread_since,
            )
            for label, tally in known.tallies.items():
                tallies[label] += tally
        yield from (
            records,
            seconds,
            stopped,
            unread,
            self._stored(tallies),
            self._revenue(tallies),
            self._single("owned_partitions", len(partitions)),
        )
        if self._input_partitions is not None:
            yield self._single("input_partitions", self._input_partitions)

    def _stored(self, tallies: Mapping[str, int | Decimal]) -> GaugeMetricFamily:
        family = self._make("stored")
        for contract_type in get_args(ContractTypeName):
            for status in get_args(StatusName):
                count = tallies.get(f"{contract_type}/{status}", 0)
                family.add_metric([contract_type, status], float(count))
        return family

    def _revenue(self, tallies: Mapping[str, int | Decimal]) -> GaugeMetricFamily:
        family = self._make("monthly_revenue")
        for label, tally in sorted(tallies.items()):
            contract_type, _, currency = label.partition("/")
            if currency.isupper():
                family.add_metric([contract_type, currency], float(tally))
        return family

    def _single(self, name: str, value: float) -> GaugeMetricFamily:
        family = self._make(name)
        family.add_metric([], value)
        return family
