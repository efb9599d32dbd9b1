"""MongoDB and Kafka as the service sees them."""

from __future__ import annotations

from typing import Final

from ops.grafana.parts import FAILED, Dashboard, Panel, Row, quantile, rate, total

DEPENDENCIES: Final = Dashboard(
    "contracts-dependencies",
    "Contracts: MongoDB and Kafka",
    "Both servers as the service sees them.",
    (
        Row("MongoDB"),
        Panel(
            "MongoDB: operations",
            "Round trips by operation.",
            "ops",
            ((rate("mongo_operations_total", "operation"), "{{operation}}"),),
            stacked=True,
        ),
        Panel(
            "MongoDB: time by operation",
            "The slowest one in a hundred.",
            "s",
            ((quantile(0.99, "mongo_operation_duration_seconds", "operation"), "{{operation}}"),),
        ),
        Panel(
            "MongoDB: share of errors",
            "Operations that failed; conflicts of transactions are tried again and harmless.",
            "percentunit",
            (
                (
                    f"({total('mongo_operations_total', FAILED)} or vector(0)) / {total('mongo_operations_total')}",
                    "errors",
                ),
            ),
            steps=(0.05,),
        ),
        Panel(
            "MongoDB: a batch",
            "Reading and writing one batch, commit included.",
            "s",
            ((quantile(0.95, "stage_duration_seconds", "stage", 'stage=~"load|store"'), "{{stage}}, 95 %"),),
        ),
        Panel(
            "MongoDB: fresh starts",
            "Takeovers because of MongoDB.",
            "ops",
            (
                (
                    rate("resumes_total", "reason", 'reason=~"Store.*|OutcomeUnknown|WriteConflict|Fenced"'),
                    "{{reason}}",
                ),
            ),
        ),
        Row("Kafka"),
        Panel(
            "Kafka: a transaction",
            "Publishing one batch with its offset.",
            "s",
            ((quantile(0.95, "stage_duration_seconds", "stage", 'stage="publish"'), "{{stage}}, 95 %"),),
        ),
        Panel(
            "Kafka: fresh starts",
            "Takeovers because of Kafka.",
            "ops",
            ((rate("resumes_total", "reason", 'reason=~"Broker.*|Publish.*"'), "{{reason}}"),),
        ),
        Panel(
            "Kafka: published",
            "Events and results committed.",
            "ops",
            ((total("events_published_total"), "events and results"),),
        ),
        Panel(
            "Kafka: rebalances",
            "Takeovers after an assignment, per second.",
            "ops",
            ((rate("resumes_total", "instance", 'reason="assigned"'), "{{instance}}"),),
        ),
        Panel(
            "Kafka: forwarded",
            "Commands sent on to the home partition of their key: a producer hashes differently.",
            "ops",
            ((total("forwarded_total"), "forwarded"),),
        ),
    ),
)
