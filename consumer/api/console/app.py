"""The console: pages for people, rendered on the server. They use no scripts.

Any valid token of the API may read. Sending a command requires the same role as in the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from consumer.api.console.calendar import CalendarPages
from consumer.api.console.correction import CorrectionPages
from consumer.api.console.headers import Headers
from consumer.api.console.letters import LetterPages
from consumer.api.console.oidc_sign_in import routes_to_issuer
from consumer.api.console.operations import OperationPages
from consumer.api.console.outgoing import Outgoing
from consumer.api.console.pages import ContractPages
from consumer.api.console.rendering import AWAY, Pages
from consumer.api.console.sending import CommandPages
from consumer.api.console.session import OWN_SITES, PATH, Sessions, form_of, is_own_form, safe_target
from consumer.api.problems import Problem
from consumer.errors import (
    BrokerDenied,
    BrokerUnavailable,
    ContractsError,
    InputRefused,
    ServiceUnavailable,
    StoreDenied,
    StoreUnavailable,
    TopicsMissing,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from consumer.api.auth import Authenticator
    from consumer.api.console.oidc_sign_in import OidcClient
    from consumer.api.limits import RateLimits
    from consumer.api.log import CommandLog
    from consumer.operator.desk import Desk
    from consumer.reading.lookup import ContractLookup
    from consumer.reading.preview import ContractPreview
    from consumer.reading.reader import ContractReader
    from consumer.reading.statistics import ContractStatistics

    Page: TypeAlias = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger()


@dataclass(frozen=True)
class ConsoleParts:
    """What the pages work with. The caller closes it.

    Args:
        reader: of contracts.
        lookup: of contracts and commands.
        preview: of commands.
        statistics: about all contracts.
        log: publishes commands.
        desk: views and decisions for operators.
        authenticators: find the owner of a token.
        client: the console as a client of the OIDC issuer; None: no sign-in at an issuer.
        secure_cookies: whether browsers send the console's cookies over HTTPS only.
        limits: rate limits for each caller.
        max_body_bytes: maximum size of a command's data.
        max_wait_seconds: how long a page waits for a command's result.
    """

    reader: ContractReader
    lookup: ContractLookup
    preview: ContractPreview
    statistics: ContractStatistics
    log: CommandLog
    desk: Desk
    authenticators: Sequence[Authenticator]
    client: OidcClient | None
    secure_cookies: bool
    limits: RateLimits
    max_body_bytes: int
    max_wait_seconds: float


def make_console(parts: ConsoleParts) -> ASGIApp:
    """The application under /console."""
    own = [] if parts.client is None else [parts.client.tokens]
    sessions, pages = Sessions([*parts.authenticators, *own], secure=parts.secure_cookies), Pages()
    door = _Door(sessions, pages, parts.limits, with_issuer=parts.client is not None)
    contracts = ContractPages(parts.reader, parts.lookup, parts.preview, parts.statistics, pages)
    calendar = CalendarPages(parts.reader, parts.statistics, pages)
    outgoing = Outgoing(
        parts.preview, parts.log, max_bytes=parts.max_body_bytes, max_wait=parts.max_wait_seconds
    )
    commands = CommandPages(outgoing, pages)
    letters, correction = LetterPages(parts.desk, pages), CorrectionPages(parts.desk, outgoing, pages)
    operations = OperationPages(parts.desk, parts.lookup, pages)
    one_letter = PATH + "/dead-letters/{partition}/{offset}"
    account = PATH + "/accounts/{account_id:path}"
    routes = [
        Mount(f"{PATH}/static", StaticFiles(directory=Path(__file__).parent / "static")),
        Route(f"{PATH}/sign-in", door.sign_in, methods=["GET", "POST"]),
        *routes_to_issuer(parts.client, sessions, pages),
        Route(f"{PATH}/sign-out", door.behind(door.sign_out), methods=["POST"]),
        Route(PATH, door.behind(contracts.search)),
        Route(f"{PATH}/calendar", door.behind(calendar.months)),
        Route(f"{PATH}/calendar/expiring.csv", door.behind(calendar.table)),
        Route(f"{PATH}/calendar/expiring.ics", door.behind(calendar.events)),
        Route(f"{PATH}/statistics", door.behind(contracts.figures)),
        Route(f"{PATH}/dead-letters", door.behind(letters.overview)),
        Route(f"{PATH}/dead-letters/of", door.behind(letters.group), methods=["GET"]),
        Route(f"{PATH}/dead-letters/of", door.behind(letters.redrive), methods=["POST"]),
        Route(one_letter, door.behind(correction.letter), methods=["GET"]),
        Route(one_letter, door.behind(correction.correct), methods=["POST"]),
        Route(f"{PATH}/operations", door.behind(operations.overview)),
        Route(f"{PATH}/operations/{{partition}}", door.behind(operations.partition), methods=["GET"]),
        Route(f"{PATH}/operations/{{partition}}", door.behind(operations.decide), methods=["POST"]),
        Route(account + "/commands/{command}", door.behind(commands.form), methods=["GET"]),
        Route(account + "/commands/{command}", door.behind(commands.answer), methods=["POST"]),
        Route(account, door.behind(contracts.contract)),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: pages.not_found, Exception: pages.failed},
        middleware=[Middleware(Headers)],
    )
    app.router.redirect_slashes = False
    return app


class _Door:
    """Protects the pages: requires a session, and for forms the token of that session."""

    def __init__(self, sessions: Sessions, pages: Pages, limits: RateLimits, *, with_issuer: bool) -> None:
        self._with_issuer = with_issuer
        self._sessions = sessions
        self._pages = pages
        self._limits = limits

    def behind(self, page: Page) -> Page:
        """Shows the page if there is a session. Errors are shown on a page, too."""

        async def answer(request: Request) -> Response:
            try:
                caller = await self._sessions.of(request)
                if caller is None:
                    return self._pages.redirect(f"{PATH}/sign-in", to=_target(request))
                request.state.caller = caller
                self._limits.take(caller.name)
                return await self._own(request) or await page(request)
            except _AWAY as error:
                log.warning("a page failed", path=request.url.path, error=str(error))
                return self._pages.error(request, 503, "Not now", AWAY)
            except Problem as problem:
                return self._pages.error(
                    request,
                    problem.status,
                    "Not now",
                    problem.document.get("detail", problem.document["title"]),
                )
            except ContractsError as error:
                status, title = next((code, text) for kind, code, text in _TROUBLE if isinstance(error, kind))
                return self._pages.error(request, status, title, str(error), getattr(error, "hint", None))

        return answer

    async def _own(self, request: Request) -> Response | None:
        """Refuses a form that does not belong to this session."""
        if request.method != "POST":
            return None
        request.state.form = form = await form_of(request)
        if is_own_form(request, form.get("form_token")):
            return None
        return self._pages.error(request, 403, "Not sent from here", "Open the page and send it again.")

    async def sign_in(self, request: Request) -> Response:
        """Shows the form, or signs in with it."""
        if request.method != "POST":
            return self._form(request, safe_target(request.query_params.get("to")))
        if request.headers.get("sec-fetch-site", "none") not in OWN_SITES:
            return self._pages.error(request, 403, "Not sent from here", "Open the page and send it again.")
        try:
            form = await form_of(request)
            token, to = form.get("token", "").strip(), safe_target(form.get("to"))
            caller = await self._sessions.caller(token)
        except Problem as problem:
            return self._pages.problem(request, problem)
        if caller is None:
            return self._form(request, to, 403, refused=True)
        log.info("signed in to the console", who=caller.name, role=caller.role)
        return self._sessions.begin(token, to)

    def _form(self, request: Request, to: str, status: int = 200, **more: bool) -> Response:
        return self._pages.show(request, "sign_in.html", status, to=to, with_issuer=self._with_issuer, **more)

    async def sign_out(self, request: Request) -> Response:  # noqa: ARG002 - a page is called with its request
        """Ends the session."""
        return self._sessions.end()


_TROUBLE: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (InputRefused, 400, "Not understood"),
    (ContractsError, 502, "Not done"),
)
"""Status and title of the page for an error; the first class that matches is used."""

_AWAY: Final = (
    ServiceUnavailable,
    StoreUnavailable,
    StoreDenied,
    BrokerUnavailable,
    BrokerDenied,
    TopicsMissing,
)
"""Errors whose texts name servers: only the log may contain them."""


def _target(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return request.url.path + query if request.method == "GET" else PATH
