"""Who is signed in to the console, and that a form was filled in on one of its pages.

The session is the API's own bearer token in a cookie that no script can read and no other site can send. A
token that is taken back ends the session with it, and any replica can answer.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from starlette.responses import RedirectResponse

from consumer.api.auth import known_caller
from consumer.api.limits import body_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.auth import Authenticator
    from consumer.api.tokens import Caller

COOKIE: Final = "contracts_console"
PATH: Final = "/console"
FORM_BYTES: Final = 1 << 20
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Sessions:
    """Signs people in and out.

    Args:
        authenticators: who knows tokens, asked in order.
    """

    def __init__(self, authenticators: Sequence[Authenticator]) -> None:
        self._authenticators = tuple(authenticators)

    async def caller(self, token: str | None) -> Caller | None:
        """Whose token it is; None: nobody's, or there is none."""
        return await known_caller(self._authenticators, token)

    async def of(self, request: Request) -> Caller | None:
        """Who is signed in; None: nobody."""
        return await self.caller(request.cookies.get(COOKIE))

    @staticmethod
    def begin(request: Request, token: str, to: str) -> Response:
        """Signs in and shows a page."""
        response = RedirectResponse(to, 303)
        response.set_cookie(
            COOKIE, token, path=PATH, httponly=True, samesite="strict", secure=not _is_local(request)
        )
        return response

    @staticmethod
    def end() -> Response:
        """Signs out."""
        response = RedirectResponse(f"{PATH}/sign-in", 303)
        response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")
        return response


async def form_of(request: Request) -> dict[str, str]:
    """What a form was filled in with; of inputs with one name the last.

    Raises:
        Problem: it is larger than any form of the console.
    """
    body = await body_of(request, FORM_BYTES)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def form_token(request: Request) -> str:
    """Proves that a form is of this session: other sites do not know it."""
    token = request.cookies.get(COOKIE, "")
    return hmac.new(token.encode(), b"console form", hashlib.sha256).hexdigest()


def is_own_form(request: Request, given: object) -> bool:
    """Whether a form carries the proof."""
    return isinstance(given, str) and hmac.compare_digest(form_token(request).encode(), given.encode())


def safe_target(path: object) -> str:
    """A page of the console to go to; anything else is the first one."""
    if isinstance(path, str) and path.startswith(f"{PATH}/") and not path.startswith(f"{PATH}//"):
        return path if path.isprintable() and "\\" not in path else PATH
    return PATH


def _is_local(request: Request) -> bool:
    """Browsers send secure cookies over HTTPS only; on the own machine there is none."""
    return request.url.hostname in _LOCAL
