"""/metrics for Prometheus, /healthz and /readyz for the orchestrator.

    /healthz   503 when a loop is stuck: restart the process. Checks no dependency: a restart fixes none.
    /readyz    503 with the failing checks: wait.
    /metrics   Prometheus text, or OpenMetrics for those who ask for it.

With CONTRACTS_HTTP_BEARER_TOKEN set, callers without it get no metrics, and only the bare status of the
other two: the orchestrator's probes need no more and cannot keep a secret.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from consumer.errors import StartRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from consumer.telemetry.health import Health
    from consumer.telemetry.metrics import Metrics

GRACE_SECONDS: Final = 2
"""How long an answer that is under way may hold up the end."""


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
    """Serves an ASGI application in the running event loop, so that /healthz tells the truth about it.

    The port is taken at once, so that a taken one stops the start.

    Raises:
        StartRefused: the address cannot be listened on.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._socket = _listen(host, port)
        self.url = _url(self._socket)
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    async def serve(self) -> None:
        """Serve until `stop`, or until this task is cancelled; both let running answers end."""
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
        """End `serve` soon."""
        self._server.should_exit = True


def _url(listening: socket.socket) -> str:
    """`http://127.0.0.1:8080`; tells the port when 0 was asked for."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the service: it drains its partitions first."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:  # the second: a name that is too long for DNS
        raise StartRefused(
            f"cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}",
            hint="choose another with CONTRACTS_HTTP_HOST and CONTRACTS_HTTP_PORT",
        ) from error
