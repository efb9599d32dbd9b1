"""Measures every request, including those that are refused."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

from consumer.api.auth import ACCESS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from consumer.telemetry.metrics_api import ApiMetrics

CONSOLE: Final = "/console"
UNKNOWN: Final = "none"
"""The route label of a request without an end point, or refused before routing."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """ASGI middleware that measures requests.

    Args:
        app: the wrapped application.
        metrics: receives the measurements.
    """

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics
        for row in ACCESS:
            method, _, route = row.partition(" ")
            metrics.served(route, method)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, and measures its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, perf_counter()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.began()
        try:
            await self._app(scope, receive, sent)
        finally:
            self._metrics.ended(_route(scope), _method(scope), status, perf_counter() - started)


def _route(scope: Scope) -> str:
    """The route label. Never the path itself: it contains ids, and each label value is a time series."""
    if scope["path"] == CONSOLE or scope["path"].startswith(f"{CONSOLE}/"):
        return CONSOLE
    return getattr(scope.get("route"), "path", UNKNOWN)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else "other"
