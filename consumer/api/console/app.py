"""The console: pages for people, made on the server. Nothing in them needs a script.

Reading needs any token that the API knows, sending a command the role that the API asks for.
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

from consumer.api.console.pages import ContractPages
from consumer.api.console.rendering import Pages
from consumer.api.console.sending import CommandPages
from consumer.api.console.session import PATH, Sessions, form_of, is_own_form, safe_target
from consumer.api.problems import Problem
from consumer.errors import ContractsError, InputRefused, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from consumer.api.auth import Authenticator
    from consumer.api.limits import RateLimits
    from consumer.api.log import CommandLog
    from consumer.reading.preview import ContractPreview
    from consumer.reading.reader import ContractReader
    from consumer.reading.statistics import ContractStatistics

    Page: TypeAlias = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger()

POLICY: Final = (
    b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    b"base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


@dataclass(frozen=True)
class ConsoleParts:
    """What the pages are made from; all of it stays the caller's to close.

    Args:
        reader: of contracts.
        preview: of commands.
        statistics: about all contracts.
        log: where commands go in.
        authenticators: who knows tokens.
        limits: of each caller.
        max_wait_seconds: how long a page waits for a command's result.
    """

    reader: ContractReader
    preview: ContractPreview
    statistics: ContractStatistics
    log: CommandLog
    authenticators: Sequence[Authenticator]
    limits: RateLimits
    max_wait_seconds: float


def make_console(parts: ConsoleParts) -> ASGIApp:
    """The application under /console."""
    sessions, pages = Sessions(parts.authenticators), Pages()
    door = _Door(sessions, pages, parts.limits)
    contracts = ContractPages(parts.reader, parts.preview, parts.statistics, pages)
    commands = CommandPages(parts.preview, parts.log, pages, parts.max_wait_seconds)
    account = PATH + "/accounts/{account_id:path}"
    routes = [
        Mount(f"{PATH}/static", StaticFiles(directory=Path(__file__).parent / "static")),
        Route(f"{PATH}/sign-in", door.sign_in, methods=["GET", "POST"]),
        Route(f"{PATH}/sign-out", door.behind(door.sign_out), methods=["POST"]),
        Route(PATH, door.behind(contracts.search)),
        Route(f"{PATH}/calendar", door.behind(contracts.calendar)),
        Route(f"{PATH}/statistics", door.behind(contracts.figures)),
        Route(account + "/commands/{command}", door.behind(commands.form), methods=["GET"]),
        Route(account + "/commands/{command}", door.behind(commands.answer), methods=["POST"]),
        Route(account, door.behind(contracts.contract)),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: pages.not_found, Exception: pages.failed},
        middleware=[Middleware(_Headers)],
    )
    app.router.redirect_slashes = False
    return app


class _Door:
    """Lets in who is signed in, and forms that are the console's own."""

    def __init__(self, sessions: Sessions, pages: Pages, limits: RateLimits) -> None:
        self._sessions = sessions
        self._pages = pages
        self._limits = limits

    def behind(self, page: Page) -> Page:
        """The page for those who are signed in; what goes wrong is told on a page, too."""

        async def answer(request: Request) -> Response:
            caller = await self._sessions.of(request)
            if caller is None:
                return self._pages.redirect(f"{PATH}/sign-in", to=_target(request))
            request.state.caller = caller
            try:
                self._limits.take(caller.name)
                return await self._own(request) or await page(request)
            except (Problem, ContractsError) as error:
                status, title = next((code, text) for kind, code, text in _TROUBLE if isinstance(error, kind))
                return self._pages.error(request, status, title, str(error), getattr(error, "hint", None))

        return answer

    async def _own(self, request: Request) -> Response | None:
        """Refuses forms that are not of this session."""
        if request.method != "POST":
            return None
        request.state.form = form = await form_of(request)
        if is_own_form(request, form.get("form_token")):
            return None
        return self._pages.error(request, 403, "Not sent from here", "Open the page and send it again.")

    async def sign_in(self, request: Request) -> Response:
        """The form, and its answer."""
        if request.method == "GET":
            return self._pages.show(request, "sign_in.html", to=safe_target(request.query_params.get("to")))
        form = await form_of(request)
        token, to = form.get("token", "").strip(), safe_target(form.get("to"))
        caller = await self._sessions.caller(token)
        if caller is None:
            return self._pages.show(request, "sign_in.html", 403, to=to, refused=True)
        log.info("signed in to the console", who=caller.name, role=caller.role)
        return self._sessions.begin(request, token, to)

    async def sign_out(self, request: Request) -> Response:  # noqa: ARG002 - a page is called with its request
        """Forgets the session."""
        return self._sessions.end()


_TROUBLE: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (Problem, 429, "Not now"),
    (InputRefused, 400, "Not understood"),
    (ServiceUnavailable, 503, "The database does not answer"),
    (ContractsError, 502, "Not done"),
)
"""What a page says of an error; the first that fits."""


def _target(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return request.url.path + query if request.method == "GET" else PATH


class _Headers:
    """No page may load or run anything from elsewhere, or be kept by a cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                cached = scope["path"].startswith(f"{PATH}/static/")
                cache = (b"cache-control", b"max-age=3600" if cached else b"no-store")
                message["headers"] = [*message["headers"], *HEADERS, cache]
            await send(message)

        await self._app(scope, receive, sent)
