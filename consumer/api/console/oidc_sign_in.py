"""Signing in at an OIDC issuer: authorization code with PKCE. The issuer's ID token is the session.

State, nonce and verifier are in a separate cookie until the browser returns, so that any replica can answer.
"""

from __future__ import annotations

import asyncio
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import orjson
import structlog
from starlette.responses import RedirectResponse
from starlette.routing import Route

from consumer.api.console.session import PATH, safe_target
from consumer.api.issuer import fetched
from consumer.api.oidc import caller_of
from consumer.api.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.console.rendering import Pages
    from consumer.api.console.session import Sessions
    from consumer.api.issuer import Issuer
    from consumer.api.oidc import OidcTokens

log = structlog.get_logger()

START: Final = f"{PATH}/sign-in/oidc"
CALLBACK: Final = f"{START}/callback"
COOKIE: Final = "contracts_sign_in"
MINUTES: Final = 10
"""Maximum time for signing in at the issuer."""

MOST_BYTES: Final = 3_800
"""Maximum size of a token: browsers do not store cookies above 4 KiB."""


@dataclass(frozen=True)
class OidcClient:
    """The console as a client of the issuer.

    Args:
        issuer: where people sign in.
        tokens: accepts ID tokens that were issued for the console.
        client_id: the client id of the console.
        client_secret: None for a public client; PKCE is enough then.
        url: of the API as browsers reach it. Register `<url>/console/sign-in/oidc/callback` at the issuer.
    """

    issuer: Issuer
    tokens: OidcTokens
    client_id: str
    client_secret: str | None
    url: str

    @property
    def callback(self) -> str:
        """The URL to which the issuer sends browsers back."""
        return self.url.rstrip("/") + CALLBACK


class OidcSignIn:
    """Sends browsers to the issuer, and receives them back.

    Args:
        client: the console as a client of the issuer.
        sessions: start with the ID token.
        pages: show errors.
    """

    def __init__(self, client: OidcClient, sessions: Sessions, pages: Pages) -> None:
        self._client = client
        self._sessions = sessions
        self._pages = pages

    async def start(self, request: Request) -> Response:
        """Sends the browser to the issuer."""
        try:
            end_point = await self._client.issuer.end_point("authorization_endpoint")
        except Problem as problem:
            return self._pages.problem(request, problem)
        state, nonce, verifier = (token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.callback,
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in end_point else "?"
        response = RedirectResponse(f"{end_point}{separator}{urlencode(asked)}", 303)
        kept = [state, nonce, verifier, safe_target(request.query_params.get("to"))]
        value = urlsafe_b64encode(orjson.dumps(kept)).decode()
        response.set_cookie(
            COOKIE,
            value,
            MINUTES * 60,
            path=START,
            httponly=True,
            samesite="lax",
            secure=self._sessions.secure,
        )
        return response

    async def finish(self, request: Request) -> Response:
        """Exchanges the code from the issuer for an ID token, and starts the session."""
        try:
            token, to = await self._signed_in(request)
        except Problem as problem:
            response = self._pages.problem(request, problem)
        else:
            response = self._sessions.begin(token, to, samesite="lax")
        response.delete_cookie(COOKIE, path=START, httponly=True, samesite="lax")
        return response

    async def _signed_in(self, request: Request) -> tuple[str, str]:
        state, nonce, verifier, to = _kept(request)
        given = request.query_params.get("state", "")
        if not state or not hmac.compare_digest(state.encode(), given.encode()):
            raise Problem("forbidden", "This browser has not started this sign-in. Sign in again.")
        code = request.query_params.get("code")
        if not code:
            log.info("the issuer refused a sign-in", error=request.query_params.get("error", "")[:100])
            raise Problem("forbidden", "The issuer refused the sign-in.")
        token = await self._exchanged(code, verifier)
        said = await self._client.tokens.said(token)
        if said is None or not hmac.compare_digest(nonce.encode(), str(said.get("nonce", "")).encode()):
            raise Problem("forbidden", "The issuer's answer belongs to another sign-in. Sign in again.")
        caller = caller_of(said, self._client.tokens.claims)
        if len(token) > MOST_BYTES:
            raise Problem(
                "forbidden", "The issuer's token is too large for a cookie: it has too many claims."
            )
        log.info("signed in to the console", who=caller.name, role=caller.role)
        return token, to

    async def _exchanged(self, code: str, verifier: str) -> str:
        """Exchanges a code for the ID token."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.callback,
            "client_id": self._client.client_id,
            "code_verifier": verifier,
        }
        if self._client.client_secret is not None:
            form["client_secret"] = self._client.client_secret
        url = await self._client.issuer.end_point("token_endpoint")
        try:
            token = orjson.loads(await asyncio.to_thread(fetched, url, urlencode(form).encode()))["id_token"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the issuer did not exchange a code for a token", error=repr(error))
            raise Problem("forbidden", "The issuer did not accept the sign-in. Sign in again.") from None
        return str(token)


def routes_to_issuer(client: OidcClient | None, sessions: Sessions, pages: Pages) -> list[Route]:
    """The routes of this file; empty without a client."""
    if client is None:
        return []
    sign_in = OidcSignIn(client, sessions, pages)
    return [Route(START, sign_in.start), Route(CALLBACK, sign_in.finish)]


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _kept(request: Request) -> tuple[str, str, str, str]:
    """State, nonce, verifier and target from the cookie; all empty without it."""
    try:
        found = orjson.loads(urlsafe_b64decode(request.cookies.get(COOKIE, "")))
        state, nonce, verifier, to = map(str, found)
    except (ValueError, TypeError):
        return "", "", "", PATH
    return state, nonce, verifier, safe_target(to)
