"""The metrics as Prometheus sees them."""

import shutil
import subprocess
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from consumer.telemetry.metrics import Metrics
from consumer.telemetry.metrics_batch import BatchHistogram
from consumer.telemetry.metrics_partitions import PartitionGauges
from consumer.telemetry.metrics_table import LATENCY_BUCKETS, METRICS, PREFIX


@pytest.fixture
def busy() -> Metrics:
    """Metrics after every method was called."""
    metrics = Metrics()
    metrics.command("create", "applied", 3)
    metrics.event("changed", 2)
    metrics.limit_reached("trade_value", 80, 6)
    metrics.revenue_movement("churn", "EUR", Decimal("99.5"))
    metrics.dead_letter("malformed")
    metrics.forwarded(4)
    metrics.latencies([0.004, 0.3, 5000.0])
    with metrics.stage("decode"):
        pass
    metrics.batch(200)
    metrics.partitions.owned([3])
    metrics.partitions.input_partitions(12)
    metrics.partitions.lag(3, 12, 1.5)
    metrics.partitions.stopped(3, "TopicRecreated")
    metrics.partitions.unread(3, "PartitionMissing", 7.0)
    metrics.partitions.stored(3, {"basic/active": 7, "basic/USD": Decimal("693.00")})
    metrics.resumed("assigned")
    metrics.expiring({30: 2, 90: 5})
    metrics.mongo_operation("find", "ok", 0.002)
    metrics.api.tokens_outdated(outdated=True)
    metrics.api.began()
    metrics.api.ended("/v1/statistics", "GET", 200, 0.01)
    metrics.cache_read("cache", 0.001)
    metrics.scanned(seconds=0.2, due=9, at=1_700_000_000.0)
    return metrics


def families(metrics: Metrics) -> dict[str, Any]:
    return {
        family.name: family
        for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
    }


def test_each_metric_of_the_table_is_exposed_and_no_other(busy: Metrics) -> None:
    ours = {name: family for name, family in families(busy).items() if name.startswith(PREFIX)}
    assert {(name, family.type) for name, family in ours.items()} == {
        (PREFIX + spec.name, spec.kind) for spec in METRICS
    }
    for spec in METRICS:
        family = ours[PREFIX + spec.name]
        assert family.documentation == spec.meaning
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels == set(spec.labels), spec.name


def test_the_values_arrive(busy: Metrics) -> None:
    assert busy.value("commands_total", type="create", outcome="applied") == 3
    assert busy.value("events_published_total", event="changed") == 2
    assert busy.value("limits_reached_total", metric="trade_value", threshold="80") == 6
    assert busy.value("dead_letters_total", reason="malformed") == 1
    assert busy.value("forwarded_total") == 4
    assert busy.value("consumer_lag_records", partition="3") == 12
    assert busy.value("partition_stopped", partition="3", reason="TopicRecreated") == 1
    assert busy.value("stored", contract_type="basic", status="active") == 7
    assert busy.value("stored", contract_type="custom", status="draft") == 0
    assert busy.value("monthly_revenue", contract_type="basic", currency="USD") == 693
    assert busy.value("revenue_moved_total", movement="churn", currency="EUR") == 99.5
    assert busy.value("expiring", within_days="30") == 2
    assert busy.value("scan_due") == 9
    assert busy.value("stage_duration_seconds_count", stage="decode") == 1


def test_counters_exist_before_the_first_error() -> None:
    metrics = Metrics()
    assert metrics.value("dead_letters_total", reason="schema_violation") == 0
    assert metrics.value("commands_total", type="advance", outcome="rejected") == 0
    assert metrics.value("resumes_total", reason="Fenced") == 0
    assert metrics.value("resumes_total", reason="PublishInDoubt") == 0


def test_a_partition_that_was_taken_away_has_no_lag_here(busy: Metrics) -> None:
    busy.partitions.owned([4])
    busy.partitions.lag(4, 1, 0.5)
    assert busy.value("consumer_lag_records", partition="3") is None
    assert busy.value("consumer_lag_seconds", partition="3") is None
    assert busy.value("consumer_lag_records", partition="4") == 1
    assert busy.value("owned_partitions") == 1
    assert busy.value("input_partitions") == 12


def test_its_contracts_and_its_condition_are_not_told_here_either(busy: Metrics) -> None:
    busy.partitions.owned([4])
    assert busy.value("stored", contract_type="basic", status="active") == 0
    assert busy.value("partition_stopped", partition="3", reason="TopicRecreated") is None
    assert busy.value("partition_stopped", partition="4", reason="none") == 0


def test_contracts_of_all_owned_partitions_are_counted_together(busy: Metrics) -> None:
    busy.partitions.owned([3, 4])
    busy.partitions.stored(4, {"basic/active": 5, "custom/draft": 1, "basic/USD": Decimal("0.50")})
    assert busy.value("stored", contract_type="basic", status="active") == 12
    assert busy.value("monthly_revenue", contract_type="basic", currency="USD") == 693.5
    busy.partitions.stored(4, {"basic/active": 4, "custom/draft": 0})
    assert busy.value("stored", contract_type="basic", status="active") == 11
    assert busy.value("stored", contract_type="custom", status="draft") == 0


def test_what_waits_grows_older_between_two_fetches() -> None:
    now = 100.0
    gauges = PartitionGauges(
        lambda name: GaugeMetricFamily(name, name, labels=["partition"]), clock=lambda: now
    )
    assert gauges.lag(0, 5, 2.0) == 2.0
    now = 130.0
    assert gauges.lag(0, 9, None) == 32.0, "the oldest is still the same"
    assert gauges.lag(0, 0, None) == 0.0
    now = 140.0
    assert gauges.lag(0, 3, None) == 0.0, "came just now, as far as is known"
    now = 141.5
    assert gauges.lag(0, 3, None) == 1.5


def test_a_stage_that_fails_is_measured_too() -> None:
    metrics = Metrics()
    with pytest.raises(ZeroDivisionError), metrics.stage("fold"):
        _ = 1 / 0
    assert metrics.value("stage_duration_seconds_count", stage="fold") == 1


def test_two_services_in_one_process_do_not_meet() -> None:
    one, other = Metrics(), Metrics()
    one.forwarded()
    assert (one.value("forwarded_total"), other.value("forwarded_total")) == (1, 0)


def test_the_batch_histogram_is_prometheus_own() -> None:
    values = [0.0, 0.005, 0.0051, 0.2, 0.25, 1.0, 59.9, 3600.0, 3601.0, 1e9]
    registry, reference = CollectorRegistry(), CollectorRegistry()
    ours = BatchHistogram("x", "meaning", LATENCY_BUCKETS)
    registry.register(ours)
    ours.observe(values)
    theirs = Histogram("x", "meaning", registry=reference, buckets=LATENCY_BUCKETS)
    for value in values:
        theirs.observe(value)
    assert generate_latest(registry) == generate_latest(reference)


def test_a_record_from_a_clock_ahead_of_ours_counts_as_immediate() -> None:
    metrics = Metrics()
    metrics.latencies([-5.0])
    assert metrics.value("command_latency_seconds_bucket", le="0.005") == 1
    assert metrics.value("command_latency_seconds_sum") == 0


def test_openmetrics_can_be_read_too(busy: Metrics) -> None:
    assert {family.name for family in parse_openmetrics(openmetrics(busy.registry).decode())} >= {
        PREFIX + spec.name for spec in METRICS
    }


def test_the_number_of_series_stays_small(busy: Metrics) -> None:
    series = sum(len(family.samples) for family in families(busy).values())
    assert series < 300


def test_promtool_has_nothing_to_say(busy: Metrics) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    said = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(busy.registry), capture_output=True, check=False
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")
