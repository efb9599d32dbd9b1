"""/metrics for Prometheus, /healthz and /readyz for the orchestrator.

    /healthz   503 when a loop is stuck: restart the process. Checks no dependency: a restart fixes none.
    /readyz    503 with the failing checks: wait.
    /metrics   Prometheus text, or OpenMetrics if the request asks for it.

With CONTRACTS_HTTP_BEARER_TOKEN set, callers without the token get no metrics, and only the status code of
the other two: the orchestrator's probes need no more, and cannot keep a secret.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import h11
import uvicorn
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from consumer.errors import StartRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from consumer.telemetry.health import Health
    from consumer.telemetry.metrics import Metrics

HEAD_SECONDS: Final = 10
"""Maximum time until the headers of a request are complete. A sender that never finishes them costs a
connection, and it costs the sender nothing."""

GRACE_SECONDS: Final = 2
"""Maximum time for which a running response delays the end, in seconds."""


def http_app(metrics: Metrics, health: Health, *, bearer_token: str | None = None) -> Starlette:
    """The three end points as an ASGI application."""

    async def serve_metrics(request: Request) -> Response:
        if not _may_see(request, bearer_token):
            return Response("a bearer token is needed\n", 401, {"WWW-Authenticate": "Bearer"})
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), headers={"Content-Type": content_type})

    async def healthz(request: Request) -> Response:
        return _status(health.stuck(), "stuck", details=_may_see(request, bearer_token))

    async def readyz(request: Request) -> Response:
        return _status(await health.failing(), "not ready", details=_may_see(request, bearer_token))

    return Starlette(
        routes=[Route("/metrics", serve_metrics), Route("/healthz", healthz), Route("/readyz", readyz)]
    )


def _status(failing: dict[str, str], word: str, *, details: bool) -> Response:
    body: dict[str, object] = {"status": word if failing else "ok"}
    if failing and details:
        body["failing"] = failing
    return JSONResponse(body, 503 if failing else 200)


def _may_see(request: Request, bearer_token: str | None) -> bool:
    given = request.headers.get("authorization", "")
    return bearer_token is None or hmac.compare_digest(given.encode(), f"Bearer {bearer_token}".encode())


class HttpServer:
    """Serves an ASGI application in the event loop of the service, so that /healthz fails if the loop hangs.

    The port is opened at once, so that a port in use ends the start.

    Args:
        app: what is served.
        host: a name or an address.
        port: 0 for any.
        settings: the names of both settings, without HOST and PORT.
        most: connections; while there are more, requests are answered with 503. None: any number.

    Raises:
        StartRefused: it is not possible to listen on the address.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        settings: str = "CONTRACTS_HTTP_",
        *,
        most: int | None = None,
    ) -> None:
        self._socket = _listen(host, port, settings)
        self.url = _url(self._socket)
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                limit_concurrency=most,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    async def serve(self) -> None:
        """Serves until `stop`, or until this task is cancelled; both finish running responses."""
        serving = asyncio.create_task(self._server.serve([self._socket]), name="http")
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self.stop()
            await serving
            raise
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Ends `serve` soon."""
        self._server.should_exit = True


def _url(listening: socket.socket) -> str:
    """`http://127.0.0.1:8080`, with the real port if 0 was asked for."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Protocol(H11Protocol):
    """A connection whose request headers must come in time; uvicorn would wait for them forever."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Waits for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """The deadline holds from the first byte of a head, or from the connection, to its end."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._head is None:
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _forget(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to the service, which first drains its partitions."""
        yield


def _listen(host: str, port: int, settings: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that is too long for DNS
        raise StartRefused(
            f"cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}",
            hint=f"choose another with {settings}HOST and {settings}PORT",
        ) from error
