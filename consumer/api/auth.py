"""Authentication and authorisation of the API.

A request without a valid token is answered with 401, at any address except those in PUBLIC. ACCESS names the
role that each end point requires; `make_app` refuses an end point without a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from consumer.api.problems import Problem
from consumer.api.tokens import Caller, Role
from schemas.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from consumer.api.limits import RateLimits

PUBLIC: Final = frozenset({"/healthz", "/readyz"})
"""Probes of an orchestrator cannot keep a secret, so these answers contain nothing confidential."""

COMMAND_PATH: Final = "/v1/accounts/{account_id}/commands/"

PUBLISHED: Final = tuple(name for name in COMMANDS if name != "advance")
"""The commands that the API accepts. Only the scanner sends `advance`."""

_OPERATORS: Final = frozenset({"adopt", "erase"})
"""`adopt` stores the state of another system as it is, and `erase` cannot be undone."""

ACCESS: Final[dict[str, Role]] = {
    "GET /v1/openapi.json": "reader",
    "GET /v1/accounts/{account_id}/contract": "reader",
    "GET /v1/accounts/{account_id}/history": "reader",
    "GET /v1/accounts/{account_id}/results/{command_id}": "reader",
    "GET /v1/accounts/{account_id}/usage": "reader",
    "GET /v1/contracts": "reader",
    "GET /v1/contracts/{contract_id}": "reader",
    "GET /v1/expiring": "reader",
    "GET /v1/statistics": "reader",
    "GET /v1/statistics/movements": "reader",
    **{
        f"POST {COMMAND_PATH}{name}{end}": "operator" if name in _OPERATORS else "publisher"
        for name in PUBLISHED
        for end in ("", "/preview")
    },
}
"""The minimum role for each end point."""


class Authenticator(Protocol):
    """Finds the owner of a token."""

    async def caller(self, token: str) -> Caller | None:
        """The owner of the token; None: the token is not valid."""


class Authentication:
    """Refuses requests without a valid token, and callers that exceed their rate limit.

    Args:
        app: the application to protect.
        authenticators: tried in this order.
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
    """The owner of the token, from the first authenticator that knows it; None: no token, or not valid."""
    for each in authenticators if token else ():
        if caller := await each.caller(token or ""):
            return caller
    return None


def bearer_token(scope: Scope) -> str | None:
    """The token of `Authorization: Bearer …`; None unless there is exactly one such header."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = (given[0] if len(given) == 1 else b"").decode("latin-1").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


async def authorise(request: Request) -> None:
    """A dependency of every end point: refuses a caller whose role is too weak.

    Like all dependencies here it is a coroutine: FastAPI calls plain functions in a thread, at 0.1 ms each.
    """
    wanted = ACCESS.get(_row(request.method, request.scope["route"].path))
    if request.scope["route"].path in PUBLIC:
        return
    caller: Caller = request.state.caller
    if wanted is None or not caller.may(wanted):
        raise Problem("forbidden", f"this requires a token with the role {wanted}")


async def _caller_of(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


Asking = Annotated[Caller, Depends(_caller_of)]
"""The caller, as a parameter of an end point."""


def check_complete(routes: Iterable[Any]) -> None:
    """Checks that every end point has a row in ACCESS, and every row an end point.

    Raises:
        RuntimeError: names those that have none; this is an error in the program.
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
