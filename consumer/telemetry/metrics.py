"""What the service measures: a method for each thing that happens."""

from __future__ import annotations

import platform
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final, get_args

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics

from consumer.domain.model import DEFAULT_THRESHOLDS
from consumer.errors import LogError, StoreError
from consumer.telemetry.metrics_api import ApiMetrics
from consumer.telemetry.metrics_made import Maker, gauge_family
from consumer.telemetry.metrics_partitions import PartitionGauges
from consumer.telemetry.metrics_table import PREFIX
from consumer.version import service_version
from schemas.commands import COMMANDS
from schemas.events import OUTPUTS, DeadLetterCode, OutcomeName
from schemas.names import Movement, UsageMetric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from decimal import Decimal

    from consumer.reading.hot import Source
    from consumer.stages import Stage
    from consumer.telemetry.traces import TracedCommand

ASSIGNED: Final = "assigned"
LEFT_OUT: Final = "left_out"
RESUME_REASONS: Final = (
    ASSIGNED,
    LEFT_OUT,
    *(kind.__name__ for fault in (StoreError, LogError) for kind in fault.__subclasses__()),
)
"""Why a partition is taken over: it was assigned, could not be taken over before, or one of these errors
occurred."""


class Metrics:
    """The service's metrics, in a separate registry, so that tests can run two services in one process.

    Methods are called once per batch and label set, never once per command.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        make = Maker(self.registry)
        self._commands = make.counter("commands")
        self._events = make.counter("events_published")
        self._limits_reached = make.counter("limits_reached")
        self._revenue_movements = make.counter("revenue_moved")
        self._dead_letters = make.counter("dead_letters")
        self._forwarded = make.counter("forwarded")
        self._latency = make.batch_histogram("command_latency_seconds")
        self._stages = make.histogram("stage_duration_seconds")
        self._batches = make.histogram("batch_commands")
        self.partitions = make.registered(PartitionGauges(gauge_family))
        self._cache_reads = make.histogram("cache_read_duration_seconds")
        self._resumes = make.counter("resumes")
        self._expiring = make.gauge("expiring")
        self._mongo = make.counter("mongo_operations")
        self._mongo_seconds = make.histogram("mongo_operation_duration_seconds")
        self._scan_seconds = make.histogram("scan_duration_seconds")
        self._scan_due = make.gauge("scan_due")
        self._scanned_at = make.gauge("scan_last_success_timestamp_seconds")
        self.api = ApiMetrics(make)
        make.gauge("build_info").labels(service_version(), platform.python_version()).set(1)
        self._show_zeros()

    def _show_zeros(self) -> None:
        """Exports every series as 0 from the start: `rate` needs a value before the first error."""
        for name in COMMANDS:
            for outcome in get_args(OutcomeName):
                self.command(name, outcome, 0)
        for event in OUTPUTS:
            self.event(event, 0)
        for metric in get_args(UsageMetric):
            for threshold in DEFAULT_THRESHOLDS:
                self.limit_reached(metric, threshold, 0)
        for reason in get_args(DeadLetterCode):
            self.dead_letter(reason, 0)
        for reason in RESUME_REASONS:
            self._resumes.labels(reason)

    def command(self, name: str, outcome: OutcomeName, count: int = 1) -> None:
        """`count` commands of one name had this outcome."""
        self._commands.labels(name, outcome).inc(count)

    def revenue_movement(self, movement: Movement, currency: str, amount: Decimal) -> None:
        """Changes of contracts moved monthly revenue by `amount`, which is not below 0."""
        self._revenue_movements.labels(movement, currency).inc(float(amount))

    def event(self, name: str, count: int = 1) -> None:
        """`count` events of this name (a key of OUTPUTS) were committed."""
        self._events.labels(name).inc(count)

    def limit_reached(self, metric: UsageMetric, threshold: int, count: int = 1) -> None:
        """`count` contracts reached `threshold` percent (1 to 1000) of a limit."""
        self._limits_reached.labels(metric, threshold).inc(count)

    def dead_letter(self, reason: DeadLetterCode, count: int = 1) -> None:
        """`count` records were dead-lettered for this reason."""
        self._dead_letters.labels(reason).inc(count)

    def forwarded(self, count: int = 1) -> None:
        """`count` commands were forwarded to their home partition."""
        self._forwarded.inc(count)

    def latencies(self, seconds: Iterable[float], traced: Iterable[TracedCommand] = ()) -> None:
        """The latency of each command of a batch: 0.2 µs each; `traced` are those with a span."""
        self._latency.observe(seconds, traced)

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Measures the `with` block, also when it fails."""
        started = perf_counter()
        try:
            yield
        finally:
            self.stage_seconds(stage, perf_counter() - started)

    def stage_seconds(self, stage: Stage, seconds: float) -> None:
        """One batch spent `seconds` in this stage."""
        self._stages.labels(stage).observe(seconds)

    def batch(self, commands: int) -> None:
        """A batch of `commands` commands was folded."""
        self._batches.observe(commands)

    def resumed(self, reason: str) -> None:
        """A worker takes its partitions over; `reason` is one of RESUME_REASONS."""
        self._resumes.labels(reason).inc()

    def expiring(self, counts: Mapping[int, int]) -> None:
        """Sets how many contracts end within each number of days."""
        for days, count in counts.items():
            self._expiring.labels(str(days)).set(count)

    def mongo_operation(self, operation: str, result: str, seconds: float) -> None:
        """One MongoDB operation ended; `result` is `ok` or the name of an error class."""
        self._mongo.labels(operation, result).inc()
        self._mongo_seconds.labels(operation).observe(seconds)

    def cache_read(self, source: Source, seconds: float) -> None:
        """A read by account was answered from here: for `report` of `contract_reader`."""
        self._cache_reads.labels(source).observe(seconds)

    def scanned(self, *, seconds: float, due: int, at: float) -> None:
        """A scan succeeded; `at` is in seconds since 1970."""
        self._scan_seconds.observe(seconds)
        self._scan_due.set(due)
        self._scanned_at.set(at)

    def value(self, name: str, **labels: str) -> float | None:
        """The value of one sample, as /metrics shows it, by its exposed name without the prefix."""
        return self.registry.get_sample_value(f"{PREFIX}{name}", labels)
