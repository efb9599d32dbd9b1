"""Makes metrics from the rows of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from consumer.telemetry.metrics_batch import BatchHistogram
from consumer.telemetry.metrics_table import METRICS, PREFIX

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_BY_NAME: Final = {spec.name: spec for spec in METRICS}

Collected = TypeVar("Collected", bound=Collector)


class Maker:
    """Makes metrics in a registry; `name` is that of a row, without the prefix."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str) -> Counter:
        """A counter."""
        spec = _BY_NAME[name]
        return Counter(PREFIX + name, spec.meaning, spec.labels, registry=self._registry)

    def gauge(self, name: str) -> Gauge:
        """A gauge."""
        spec = _BY_NAME[name]
        return Gauge(PREFIX + name, spec.meaning, spec.labels, registry=self._registry)

    def histogram(self, name: str) -> Histogram:
        """A histogram."""
        spec = _BY_NAME[name]
        return Histogram(
            PREFIX + name, spec.meaning, spec.labels, registry=self._registry, buckets=spec.buckets
        )

    def batch_histogram(self, name: str) -> BatchHistogram:
        """A histogram that takes a whole batch."""
        spec = _BY_NAME[name]
        return self.registered(BatchHistogram(PREFIX + name, spec.meaning, spec.buckets))

    def registered(self, collector: Collected) -> Collected:
        """A collector, which the registry asks from now on."""
        self._registry.register(collector)
        return collector


def gauge_family(name: str) -> GaugeMetricFamily:
    """A gauge whose values are collected when they are asked for."""
    spec = _BY_NAME[name]
    return GaugeMetricFamily(PREFIX + name, spec.meaning, labels=spec.labels)
