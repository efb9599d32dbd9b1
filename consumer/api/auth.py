"""Who asks, and what they may: everything about it that the API decides stands here.

A request without a token that is known gets 401, whatever its address, but for PUBLIC. ACCESS names the role
that each end point asks for; `make_app` refuses an end point without a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

import structlog
from fastapi import Depends, Request
from fastapi.routing import APIRoute

from consumer.api.problems import Problem
from consumer.api.tokens import Caller, Role
from schemas.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from consumer.api.limits import RateLimits

log = structlog.get_logger()

PUBLIC: Final = frozenset({"/healthz", "/readyz"})
"""The orchestrator's probes cannot keep a secret, and are told no more than well or not."""

COMMAND_PATH: Final = "/v1/accounts/{account_id}/commands/"

PUBLISHED: Final = tuple(name for name in COMMANDS if name != "advance")
"""The commands that may come this way. `advance` is the scanner's."""

_OPERATORS: Final = frozenset({"adopt", "erase"})
"""One takes foreign state over as it is, the other destroys forever."""

ACCESS: Final[dict[str, Role]] = {
    "GET /v1/openapi.json": "reader",
    "GET /v1/accounts/{account_id}/contract": "reader",
    "GET /v1/accounts/{account_id}/history": "reader",
    "GET /v1/accounts/{account_id}/results/{command_id}": "reader",
    "GET /v1/contracts": "reader",
    "GET /v1/contracts/{contract_id}": "reader",
    "GET /v1/expiring": "reader",
    "GET /v1/statistics": "reader",
    **{
        f"POST {COMMAND_PATH}{name}{end}": "operator" if name in _OPERATORS else "publisher"
        for name in PUBLISHED
        for end in ("", "/preview")
    },
}
"""The weakest role for each end point."""


class Authenticator(Protocol):
    """Knows tokens."""

    async def caller(self, token: str) -> Caller | None:
        """Whose token it is; None: nobody's."""


class Authentication:
    """Lets nobody in whom no authenticator knows, and nobody too often.

    Args:
        app: what is protected.
        authenticators: asked in order.
        limits: of each caller.
    """

    def __init__(self, app: ASGIApp, authenticators: Iterable[Authenticator], limits: RateLimits) -> None:
        self._app = app
        self._authenticators = tuple(authenticators)
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application around another."""
        if scope["type"] == "http" and scope["path"] not in PUBLIC:
            try:
                scope.setdefault("state", {})["caller"] = await self._admitted(scope)
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _admitted(self, scope: Scope) -> Caller:
        token = bearer_token(scope)
        caller = await known_caller(self._authenticators, token)
        if caller is None:
            raise Problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
        self._limits.take(caller.name)
        return caller


async def known_caller(authenticators: Iterable[Authenticator], token: str | None) -> Caller | None:
    """Whose token it is, as the first one knows who does; None: nobody's, or there is none."""
    for each in authenticators if token else ():
        if caller := await each.caller(token or ""):
            return caller
    return None


def bearer_token(scope: Scope) -> str | None:
    """What stands in `Authorization: Bearer …`; None where there is not exactly one."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = (given[0] if len(given) == 1 else b"").decode("latin-1").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def authorise(request: Request) -> None:
    """Stands before every end point: the caller's role must reach it."""
    wanted = ACCESS.get(_row(request.method, request.scope["route"].path))
    if request.scope["route"].path in PUBLIC:
        return
    caller: Caller = request.state.caller
    if wanted is None or not caller.may(wanted):
        log.warning("refused", asked_by=caller.name, role=caller.role, needed=wanted)
        raise Problem("forbidden", f"this needs a token of the role {wanted}")


def _caller_of(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


Asking = Annotated[Caller, Depends(_caller_of)]
"""As a parameter of an end point: who asks."""


def check_complete(routes: Iterable[Any]) -> None:
    """Every end point has its row, and every row its end point.

    Raises:
        RuntimeError: which have not: a mistake in the program itself.
    """
    found = {
        _row(method, each.path)
        for each in routes
        if not (isinstance(each, APIRoute) and each.path in PUBLIC)
        for method in getattr(each, "methods", None) or {"ANY"}
    }
    if odd := found ^ ACCESS.keys():
        raise RuntimeError(f"ACCESS in consumer/api/auth.py does not fit the end points: {sorted(odd)}")


def _row(method: str, path: str) -> str:
    return f"{method} {path}"
