"""Whether commands are applied, how fast, and what stands in the way."""

from __future__ import annotations

from typing import Final

from ops.grafana.parts import Dashboard, Panel, R, Row, S, metric, now, quantile, quantiles, rate, stat, total

HEALTH: Final = Dashboard(
    "contracts-health",
    "Contracts: service health",
    "Whether commands are applied, how fast, and what stands in the way.",
    (
        Row("Now"),
        stat("Instances", "Instances that answer the scrape.", "none", f"count({metric('build_info')})"),
        stat(
            "Partitions without owner",
            "Partitions of the command topic that no scraped instance works on.",
            "none",
            f"max({metric('input_partitions')}) - sum({metric('owned_partitions')})",
            1,
        ),
        stat(
            "Stopped partitions",
            "Partitions that wait for an operator's decision: `contracts positions show`.",
            "none",
            now("partition_stopped"),
            1,
        ),
        stat(
            "Oldest waiting",
            "Age of the oldest command that waits.",
            "s",
            f"max({metric('consumer_lag_seconds')})",
            10,
            60,
        ),
        stat(
            "Within 5 s",
            "Share of commands whose outputs were committed within 5 s of their timestamp; the objective is 99.5 %.",
            "percentunit",
            total("command_latency_seconds_bucket", 'le="5.0"')
            + " / "
            + total("command_latency_seconds_count"),
            0.99,
            0.995,
            low_is_bad=True,
        ),
        stat(
            "Commands",
            "Commands applied, rejected or known already, per second.",
            "ops",
            total("commands_total"),
        ),
        Row("Commands"),
        Panel(
            "Commands by outcome",
            "What became of the commands.",
            "ops",
            ((rate("commands_total", "outcome"), "{{outcome}}"),),
            stacked=True,
        ),
        Panel(
            "Commands by type",
            "Which commands came.",
            "ops",
            ((rate("commands_total", "type"), "{{type}}"),),
            stacked=True,
        ),
        Panel(
            "Latency",
            "From a command's timestamp until its outputs are committed.",
            "s",
            quantiles("command_latency_seconds"),
            exemplars=True,
        ),
        Panel(
            "Waiting commands",
            "Commands not yet applied, by partition.",
            "short",
            ((f"sum by (partition) ({metric('consumer_lag_records')})", "{{partition}}"),),
            stacked=True,
        ),
        Panel(
            "Age of the oldest",
            "Age of the oldest command that waits, by partition.",
            "s",
            ((f"max by (partition) ({metric('consumer_lag_seconds')})", "{{partition}}"),),
        ),
        Panel(
            "Cannot be read",
            "For how long a partition could not be read, and why: no leader, refused outputs, an open transaction, a deleted topic, damage.",
            "s",
            (
                (
                    f"max by (partition, reason) ({metric('partition_unread_seconds')})",
                    "{{partition}} {{reason}}",
                ),
            ),
        ),
        Panel(
            "Dead letters",
            "Records that are not commands, by reason.",
            "ops",
            ((rate("dead_letters_total", "reason"), "{{reason}}"),),
            stacked=True,
        ),
        Row("Work"),
        Panel(
            "Time by stage",
            "Seconds spent in each stage, per second: what the time goes into.",
            "s",
            ((rate("stage_duration_seconds_sum", "stage"), "{{stage}}"),),
            stacked=True,
        ),
        Panel(
            "Commands in a batch",
            "Large batches mean a backlog, small ones idle time.",
            "short",
            quantiles("batch_commands"),
        ),
        Panel(
            "Fresh starts",
            "Resumes by reason: `assigned` after a rebalance, `left_out` when a partition can be taken over at last, else the name of an error.",
            "ops",
            ((rate("resumes_total", "reason"), "{{reason}}"),),
            stacked=True,
        ),
        Panel(
            "Owned partitions",
            "How the partitions are spread.",
            "none",
            ((f"sum by (instance) ({metric('owned_partitions')})", "{{instance}}"),),
            stacked=True,
        ),
        Panel(
            "CPU",
            "Cores used; one process uses one at most.",
            "none",
            ((f"sum by (instance) (rate(process_cpu_seconds_total{{{S}}}{R}))", "{{instance}}"),),
            steps=(0.9,),
        ),
        Panel(
            "Memory",
            "Resident memory.",
            "bytes",
            ((f"sum by (instance) (process_resident_memory_bytes{{{S}}})", "{{instance}}"),),
        ),
        Row("HTTP API"),
        Panel(
            "API: requests",
            "Answers by class of status: 4xx is the caller's mistake, 5xx the service's or a server's.",
            "ops",
            ((rate("api_requests_total", "status"), "{{status}}"),),
            stacked=True,
        ),
        Panel(
            "API: time by end point",
            "The slowest one in a hundred; a command's includes what it waited for its result.",
            "s",
            ((quantile(0.99, "api_request_duration_seconds", "route"), "{{route}}"),),
        ),
        Panel(
            "API: refusals",
            "Requests refused for their token, its role, its rate or their size.",
            "ops",
            ((rate("api_refusals_total", "reason"), "{{reason}}"),),
            stacked=True,
        ),
        Panel(
            "API: in flight",
            "Requests that are not answered yet, by instance.",
            "short",
            ((f"sum by (instance) ({metric('api_requests_in_flight')})", "{{instance}}"),),
            stacked=True,
        ),
    ),
)
