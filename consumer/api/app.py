"""The application: all end points of the API in one list, and the console.

Both accept the same tokens and have the same limits. The console has sessions of its own in addition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI
from starlette.responses import JSONResponse

from consumer.api.audit import Audited
from consumer.api.auth import COMMAND_PATH, PUBLISHED, Asking, Authentication, authorise, check_complete
from consumer.api.commands import Publishing
from consumer.api.console.app import ConsoleParts, make_console
from consumer.api.console.session import PATH as CONSOLE
from consumer.api.identified import Identified
from consumer.api.limits import RateLimits
from consumer.api.listings import Listings
from consumer.api.measured import Measured
from consumer.api.openapi import described
from consumer.api.problems import add_handlers
from consumer.api.reads import ContractReads, document
from consumer.api.results import Previews, Results
from schemas.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from consumer.api.auth import Authenticator
    from consumer.api.console.oidc_sign_in import OidcClient
    from consumer.api.log import CommandLog, Progress
    from consumer.operator.desk import Desk
    from consumer.reading.lookup import ContractLookup
    from consumer.reading.preview import ContractPreview
    from consumer.reading.reader import ContractReader
    from consumer.reading.statistics import ContractStatistics
    from consumer.telemetry.health import Health
    from consumer.telemetry.metrics_api import ApiMetrics


@dataclass(frozen=True)
class Dependencies:
    """What the application works with. The caller closes it.

    Args:
        reader, statistics, preview, lookup: of contracts, on the primary.
        progress: the positions that the database has reached.
        log: publishes commands.
        desk: views and decisions for operators.
        authenticators: find the owner of a token.
        client: the console as a client of the OIDC issuer; None: no sign-in at an issuer.
        secure_cookies: whether browsers send the console's cookies over HTTPS only.
        health: of this process.
        metrics: of requests.
        max_body_bytes: larger request bodies are refused.
        max_wait_seconds: how long a request may wait for a result.
        requests_per_second: limit for one caller.
    """

    reader: ContractReader
    statistics: ContractStatistics
    preview: ContractPreview
    lookup: ContractLookup
    progress: Progress
    log: CommandLog
    desk: Desk
    authenticators: Sequence[Authenticator]
    client: OidcClient | None
    secure_cookies: bool
    health: Health
    metrics: ApiMetrics
    max_body_bytes: int
    max_wait_seconds: float
    requests_per_second: float


def make_app(given: Dependencies) -> ASGIApp:
    """The HTTP API.

    Raises:
        RuntimeError: an end point has no row in ACCESS.
    """
    app, limits = _api(given), RateLimits(given.requests_per_second)
    check_complete(app.routes)
    guarded = Authentication(app, given.authenticators, limits)
    parts = ConsoleParts(
        reader=given.reader,
        lookup=given.lookup,
        preview=given.preview,
        statistics=given.statistics,
        log=given.log,
        desk=given.desk,
        authenticators=given.authenticators,
        client=given.client,
        secure_cookies=given.secure_cookies,
        limits=limits,
        max_body_bytes=given.max_body_bytes,
        max_wait_seconds=given.max_wait_seconds,
    )
    both = _WithConsole(guarded, make_console(parts))
    return Identified(_RawPath(Audited(Measured(both, given.metrics))))


def unserved() -> FastAPI:
    """The end points without their dependencies, from which the description of the API is generated."""
    nothing: Any = None
    return _api(
        Dependencies(
            reader=nothing,
            statistics=nothing,
            preview=nothing,
            lookup=nothing,
            progress=nothing,
            log=nothing,
            desk=nothing,
            authenticators=(),
            client=None,
            secure_cookies=True,
            health=nothing,
            metrics=nothing,
            max_body_bytes=1,
            max_wait_seconds=1,
            requests_per_second=1,
        )
    )


def _api(given: Dependencies) -> FastAPI:
    app = FastAPI(
        title="Contract service",
        version="v1",
        openapi_url=None,  # served by an end point of ours, behind the same door
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(authorise)],
        redirect_slashes=False,
    )
    add_handlers(app)
    _add_health(app, given.health)
    _add_reads(app, given)
    _add_commands(app, given)

    async def openapi(_caller: Asking) -> Response:
        """The description of this API: OpenAPI 3.1."""
        return document(described(app), {})

    app.add_api_route("/v1/openapi.json", openapi, methods=["GET"], response_model=None)
    return app


def _add_health(app: FastAPI, health: Health) -> None:
    async def healthz() -> Response:
        return _status(health.stuck(), "stuck")

    async def readyz() -> Response:
        return _status(await health.failing(), "not ready")

    app.add_api_route("/healthz", healthz, methods=["GET"], response_model=None, include_in_schema=False)
    app.add_api_route("/readyz", readyz, methods=["GET"], response_model=None, include_in_schema=False)


def _status(failing: dict[str, str], word: str) -> Response:
    return JSONResponse({"status": word if failing else "ok"}, 503 if failing else 200)


def _add_reads(app: FastAPI, given: Dependencies) -> None:
    reads = ContractReads(given.reader, given.progress)
    listings = Listings(given.reader, given.statistics, given.progress)
    results = Results(given.reader, given.progress)
    endpoints: dict[str, Callable[..., Any]] = {
        "/v1/accounts/{account_id}/contract": reads.of_account,
        "/v1/accounts/{account_id}/history": listings.history,
        "/v1/accounts/{account_id}/results/{command_id}": results.of_command,
        "/v1/accounts/{account_id}/usage": reads.usage,
        "/v1/contracts": listings.contracts,
        "/v1/contracts/{contract_id}": reads.by_id,
        "/v1/expiring": listings.expiring,
        "/v1/statistics": listings.statistics,
        "/v1/statistics/movements": listings.movements,
    }
    for path, endpoint in endpoints.items():
        app.add_api_route(path, endpoint, methods=["GET"], response_model=None)


def _add_commands(app: FastAPI, given: Dependencies) -> None:
    publishing = Publishing(
        given.log, given.progress, max_bytes=given.max_body_bytes, max_wait=given.max_wait_seconds
    )
    previews = Previews(given.preview, given.progress, max_bytes=given.max_body_bytes)
    for name in PUBLISHED:
        spec, path = COMMANDS[name], COMMAND_PATH + name
        app.add_api_route(
            path,
            publishing.endpoint(spec),
            methods=["POST"],
            operation_id=name,
            summary=spec.meaning,
            response_model=None,
        )
        app.add_api_route(
            f"{path}/preview",
            previews.endpoint(spec),
            methods=["POST"],
            operation_id=f"preview_{name}",
            summary=f"what `{name}` would do",
            response_model=None,
        )


class _WithConsole:
    """Two applications: people have a session, where programs have a token in each request."""

    def __init__(self, api: ASGIApp, console: ASGIApp) -> None:
        self._api = api
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        app = self._console if path == CONSOLE or path.startswith(f"{CONSOLE}/") else self._api
        await app(scope, receive, send)


class _RawPath:
    """Routes see the path as it was sent: an id with a slash, sent as %2F, stays one segment."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw: Any = scope.get("raw_path")
        if scope["type"] == "http" and raw:
            scope = {**scope, "path": raw.partition(b"?")[0].decode("latin-1")}
        await self._app(scope, receive, send)
