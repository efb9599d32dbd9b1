"""Sessions of the console, and protection of its forms against other sites.

The session is the bearer token of the API, in a cookie that scripts cannot read and other sites cannot send.
So a withdrawn token also ends its session, and any replica can answer.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import parse_qsl

from starlette.responses import RedirectResponse

from consumer.api.auth import known_caller
from consumer.api.limits import body_of
from consumer.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.auth import Authenticator
    from consumer.api.tokens import Caller

COOKIE: Final = "contracts_console"
PATH: Final = "/console"
FORM_BYTES: Final = 1 << 20
FORM_INPUTS: Final = 1_000
"""Maximum number of inputs in a form. Without a limit, half a million empty ones would block for 0.3 s."""
OWN_SITES: Final = frozenset({"same-origin", "none"})
"""Allowed `Sec-Fetch-Site` of a sign-in: otherwise another site could sign people in with its own token."""


class Sessions:
    """Signs people in and out.

    Attributes:
        secure: whether browsers send the cookies over HTTPS only.

    Args:
        authenticators: find the owner of a token; tried in this order.
        secure: whether browsers send the cookies over HTTPS only.
    """

    def __init__(self, authenticators: Sequence[Authenticator], *, secure: bool) -> None:
        self._authenticators = tuple(authenticators)
        self.secure = secure

    async def caller(self, token: str | None) -> Caller | None:
        """The owner of the token; None: no token, or not valid."""
        return await known_caller(self._authenticators, token)

    async def of(self, request: Request) -> Caller | None:
        """The caller who is signed in; None: nobody."""
        return await self.caller(request.cookies.get(COOKIE))

    def begin(self, token: str, to: str, samesite: Literal["strict", "lax"] = "strict") -> Response:
        """Starts a session and shows a page. `lax`: the browser comes from another site, the issuer."""
        response = RedirectResponse(to, 303)
        response.set_cookie(COOKIE, token, path=PATH, httponly=True, samesite=samesite, secure=self.secure)
        return response

    @staticmethod
    def end() -> Response:
        """Signs out."""
        response = RedirectResponse(f"{PATH}/sign-in", 303)
        response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")
        return response


async def form_of(request: Request) -> dict[str, str]:
    """The inputs of a submitted form; the last one if several have the same name.

    Raises:
        Problem: the form is too large, or has too many inputs.
    """
    text = (await body_of(request, FORM_BYTES)).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_INPUTS))
    except ValueError:
        raise Problem("too_large", f"at most {FORM_INPUTS:,} inputs are accepted") from None


def form_token(request: Request) -> str:
    """The token in the forms of a session, which other sites do not know."""
    token = request.cookies.get(COOKIE, "")
    return hmac.new(token.encode(), b"console form", hashlib.sha256).hexdigest()


def is_own_form(request: Request, given: object) -> bool:
    """Whether a form has the token of its session."""
    return isinstance(given, str) and hmac.compare_digest(form_token(request).encode(), given.encode())


def safe_target(path: object) -> str:
    """The page to show after signing in. Anything but a page of the console is replaced by the first page."""
    if isinstance(path, str) and path.startswith(f"{PATH}/") and not path.startswith(f"{PATH}//"):
        return path if path.isprintable() and "\\" not in path else PATH
    return PATH
