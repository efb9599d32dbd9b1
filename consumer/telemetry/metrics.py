"""Every metric, once: its name, labels and meaning. docs/reference/metrics.md is generated from METRICS.

No account or contract id is ever a label: the number of series stays the same from one contract to millions.
"""

from __future__ import annotations

import platform
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final, Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily

from consumer.domain.model import DEFAULT_THRESHOLDS
from consumer.errors import LogError, StoreError
from consumer.telemetry.metrics_batch import BatchHistogram
from consumer.telemetry.metrics_partitions import PartitionGauges
from consumer.version import service_version
from schemas.commands import COMMANDS
from schemas.events import EVENTS, DeadLetterCode, OutcomeName
from schemas.names import UsageMetric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from consumer.stages import Stage

PREFIX: Final = "contracts_"

ASSIGNED: Final = "assigned"
RESUME_REASONS: Final = (
    ASSIGNED,
    *(kind.__name__ for fault in (StoreError, LogError) for kind in fault.__subclasses__()),
)
"""Why a partition is taken over: it was assigned, or one of these errors occurred."""

LATENCY_BUCKETS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    3600.0,
)
STAGE_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
COMMANDS_BUCKETS: Final = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0)
SCAN_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One row of the table. `name` is without the prefix, and without `_total` as Prometheus adds it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def exposed_name(self) -> str:
        """The name to query by (of a histogram: without _bucket, _sum, _count)."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


METRICS: Final = (
    MetricSpec("commands", "counter", "Commands applied, by type and outcome.", ("type", "outcome")),
    MetricSpec(
        "events_published", "counter", "Events and results published, in committed transactions.", ("event",)
    ),
    MetricSpec(
        "limits_reached",
        "counter",
        "Thresholds of limits that usage crossed, by metric and per cent of the limit.",
        ("metric", "threshold"),
    ),
    MetricSpec(
        "dead_letters", "counter", "Records written to the dead-letter topic, by reason.", ("reason",)
    ),
    MetricSpec("forwarded", "counter", "Commands forwarded to the home partition of their key."),
    MetricSpec(
        "command_latency_seconds",
        "histogram",
        "Time from a command's record timestamp to the commit of its outputs.",
        buckets=LATENCY_BUCKETS,
    ),
    MetricSpec(
        "stage_duration_seconds",
        "histogram",
        "Time that a batch spends in a stage.",
        ("stage",),
        STAGE_BUCKETS,
    ),
    MetricSpec("batch_commands", "histogram", "Number of commands in a batch.", buckets=COMMANDS_BUCKETS),
    MetricSpec(
        "consumer_lag_records",
        "gauge",
        "Commands of an owned partition that are not applied yet.",
        ("partition",),
    ),
    MetricSpec(
        "consumer_lag_seconds",
        "gauge",
        "Age of the oldest command of an owned partition that is not applied yet.",
        ("partition",),
    ),
    MetricSpec("owned_partitions", "gauge", "Number of partitions that this process owns."),
    MetricSpec("input_partitions", "gauge", "Number of partitions of the command topic."),
    MetricSpec(
        "partition_stopped",
        "gauge",
        "1 while an owned partition is stopped, else 0; the reason is the name of the error, or none.",
        ("partition", "reason"),
    ),
    MetricSpec(
        "partition_unread_seconds",
        "gauge",
        "Time for which an owned partition could not be read; the reason is the name of the error, or none.",
        ("partition", "reason"),
    ),
    MetricSpec(
        "resumes",
        "counter",
        "Takeovers of a partition, because it was assigned or after an error.",
        ("reason",),
    ),
    MetricSpec(
        "stored",
        "gauge",
        "Contracts stored for the accounts of the owned partitions.",
        ("contract_type", "status"),
    ),
    MetricSpec(
        "monthly_revenue",
        "gauge",
        "Monthly revenue of active and renewing contracts of the accounts in the owned partitions.",
        ("contract_type", "currency"),
    ),
    MetricSpec("expiring", "gauge", "Contracts that end within this number of days.", ("within_days",)),
    MetricSpec(
        "mongo_operations", "counter", "MongoDB operations, by operation and result.", ("operation", "result")
    ),
    MetricSpec(
        "mongo_operation_duration_seconds",
        "histogram",
        "Duration of a MongoDB operation.",
        ("operation",),
        STAGE_BUCKETS,
    ),
    MetricSpec(
        "scan_duration_seconds", "histogram", "Duration of a scan for due contracts.", buckets=SCAN_BUCKETS
    ),
    MetricSpec("scan_due", "gauge", "Number of due contracts that the last scan found."),
    MetricSpec("scan_last_success_timestamp_seconds", "gauge", "Unix time of the last successful scan."),
    MetricSpec(
        "build_info",
        "gauge",
        "Always 1; the labels hold the version of the service and of Python.",
        ("version", "python"),
    ),
)

_BY_NAME: Final = {spec.name: spec for spec in METRICS}


class Metrics:
    """The service's metrics, in a separate registry, so that tests can run two services in one process.

    Methods are called once per batch and label set, never once per command.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._commands = self._counter("commands")
        self._events = self._counter("events_published")
        self._limits_reached = self._counter("limits_reached")
        self._dead_letters = self._counter("dead_letters")
        self._forwarded = self._counter("forwarded")
        self._latency = self._batch_histogram("command_latency_seconds")
        self._stages = self._histogram("stage_duration_seconds")
        self._batches = self._histogram("batch_commands")
        self.partitions = PartitionGauges(_gauge_family)
        self.registry.register(self.partitions)
        self._resumes = self._counter("resumes")
        self._expiring = self._gauge("expiring")
        self._mongo = self._counter("mongo_operations")
        self._mongo_seconds = self._histogram("mongo_operation_duration_seconds")
        self._scan_seconds = self._histogram("scan_duration_seconds")
        self._scan_due = self._gauge("scan_due")
        self._scanned_at = self._gauge("scan_last_success_timestamp_seconds")
        self._gauge("build_info").labels(service_version(), platform.python_version()).set(1)
        self._show_zeros()

    def _show_zeros(self) -> None:
        """Exports every series as 0 from the start: `rate` needs a value before the first error."""
        for name in COMMANDS:
            for outcome in get_args(OutcomeName):
                self.command(name, outcome, 0)
        for event in EVENTS:
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

    def event(self, name: str, count: int = 1) -> None:
        """`count` events of this name (a key of EVENTS) were committed."""
        self._events.labels(name).inc(count)

    def limit_reached(self, metric: UsageMetric, threshold: int, count: int = 1) -> None:
        """`count` contracts used so many per cent of a limit; thresholds lie between 1 and 1000."""
        self._limits_reached.labels(metric, threshold).inc(count)

    def dead_letter(self, reason: DeadLetterCode, count: int = 1) -> None:
        """`count` records were dead-lettered for this reason."""
        self._dead_letters.labels(reason).inc(count)

    def forwarded(self, count: int = 1) -> None:
        """`count` commands were forwarded to their home partition."""
        self._forwarded.inc(count)

    def latencies(self, seconds: Iterable[float]) -> None:
        """The latency of each command of a batch: 0.2 µs each."""
        self._latency.observe(seconds)

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

    def resumed(self, reason: str, partitions: int) -> None:
        """`partitions` partitions are taken over; `reason` is one of RESUME_REASONS."""
        self._resumes.labels(reason).inc(partitions)

    def expiring(self, counts: Mapping[int, int]) -> None:
        """Sets how many contracts end within each number of days."""
        for days, count in counts.items():
            self._expiring.labels(str(days)).set(count)

    def mongo_operation(self, operation: str, result: str, seconds: float) -> None:
        """One MongoDB operation ended; `result` is `ok` or the name of an error class."""
        self._mongo.labels(operation, result).inc()
        self._mongo_seconds.labels(operation).observe(seconds)

    def scanned(self, *, seconds: float, due: int, at: float) -> None:
        """A scan succeeded; `at` is in seconds since 1970."""
        self._scan_seconds.observe(seconds)
        self._scan_due.set(due)
        self._scanned_at.set(at)

    def value(self, name: str, **labels: str) -> float | None:
        """One sample's value as a scrape would show it, by its exposed name without the prefix."""
        return self.registry.get_sample_value(f"{PREFIX}{name}", labels)

    def _counter(self, name: str) -> Counter:
        spec = _BY_NAME[name]
        return Counter(PREFIX + name, spec.meaning, spec.labels, registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        spec = _BY_NAME[name]
        return Gauge(PREFIX + name, spec.meaning, spec.labels, registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        spec = _BY_NAME[name]
        return Histogram(
            PREFIX + name, spec.meaning, spec.labels, registry=self.registry, buckets=spec.buckets
        )

    def _batch_histogram(self, name: str) -> BatchHistogram:
        spec = _BY_NAME[name]
        histogram = BatchHistogram(PREFIX + name, spec.meaning, spec.buckets)
        self.registry.register(histogram)
        return histogram


def _gauge_family(name: str) -> GaugeMetricFamily:
    spec = _BY_NAME[name]
    return GaugeMetricFamily(PREFIX + name, spec.meaning, labels=spec.labels)
