"""What the HTTP API measures of its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consumer.telemetry.metrics_made import Maker

REFUSALS: Final = {
    401: "unauthenticated",
    403: "forbidden",
    413: "too_large",
    429: "rate_limited",
}
"""Statuses of requests that nothing was done for, and why."""


class ApiMetrics:
    """Counts requests."""

    def __init__(self, make: Maker) -> None:
        self._requests = make.counter("api_requests")
        self._seconds = make.histogram("api_request_duration_seconds")
        self._in_flight = make.gauge("api_requests_in_flight")
        self._refusals = make.counter("api_refusals")
        self._tokens_outdated = make.gauge("api_tokens_outdated")
        self._in_flight.set(0)
        self._tokens_outdated.set(0)
        for reason in REFUSALS.values():
            self._refusals.labels(reason)

    def served(self, route: str, method: str) -> None:
        """There is this end point: its failures are 0 from the start, or `rate` would miss the first."""
        for status in ("2xx", "4xx", "5xx"):
            self._requests.labels(route, method, status)

    def began(self) -> None:
        """A request came."""
        self._in_flight.inc()

    def ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """It was answered; `route` is the end point's path with its parameters by name."""
        self._in_flight.dec()
        self._requests.labels(route, method, f"{status // 100}xx").inc()
        self._seconds.labels(route).observe(seconds)
        if reason := REFUSALS.get(status):
            self._refusals.labels(reason).inc()

    def tokens_outdated(self, outdated: bool) -> None:  # noqa: FBT001 - the value of the gauge
        """Whether the token file cannot be read, so that the tokens read before stay valid."""
        self._tokens_outdated.set(int(outdated))
