"""Every metric, once: its name, labels and meaning. docs/reference/metrics.md is generated from METRICS.

No account or contract id is ever a label: the number of series stays the same from one contract to millions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "contracts_"

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
    """One row of the table. `name` is without the prefix, and without `_total`, which Prometheus adds."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def exposed_name(self) -> str:
        """The name in queries (of a histogram: without _bucket, _sum, _count)."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


METRICS: Final = (
    MetricSpec("commands", "counter", "Commands applied, by type and outcome.", ("type", "outcome")),
    MetricSpec(
        "events_published", "counter", "Events and results published, in committed transactions.", ("event",)
    ),
    MetricSpec(
        "limits_reached",
        "counter",
        "Thresholds of limits that usage crossed, by metric and percent of the limit.",
        ("metric", "threshold"),
    ),
    MetricSpec(
        "dead_letters", "counter", "Records written to the dead-letter topic, by reason.", ("reason",)
    ),
    MetricSpec(
        "cache_read_duration_seconds",
        "histogram",
        "Duration of a read by account, by source of the answer; the counts give the hit rate.",
        ("source",),
        STAGE_BUCKETS,
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
        "Takeovers of all partitions of a worker: as it got some, after an error, or of what was left out.",
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
    MetricSpec(
        "revenue_moved",
        "counter",
        "Amounts by which monthly revenue increased or decreased, by movement and currency.",
        ("movement", "currency"),
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
        "api_requests",
        "counter",
        "Requests to the HTTP API and the console, by end point and class of status (2xx, 4xx, 5xx).",
        ("route", "method", "status"),
    ),
    MetricSpec(
        "api_request_duration_seconds",
        "histogram",
        "Duration of a request, including its wait for a result or a position.",
        ("route",),
        STAGE_BUCKETS,
    ),
    MetricSpec("api_requests_in_flight", "gauge", "Requests that are not answered yet."),
    MetricSpec(
        "api_refusals",
        "counter",
        "Requests refused because of token, role, rate or size of the body.",
        ("reason",),
    ),
    MetricSpec(
        "api_tokens_outdated",
        "gauge",
        "1: the token file cannot be read, and the tokens read before stay valid.",
    ),
    MetricSpec(
        "build_info",
        "gauge",
        "Always 1; the labels hold the version of the service and of Python.",
        ("version", "python"),
    ),
)
