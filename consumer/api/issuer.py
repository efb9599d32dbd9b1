"""The issuer of OIDC tokens: its discovery document and its keys, fetched when they are needed.

A token with an unknown key makes this fetch the keys at once, but not more often than every LOOK_SECONDS:
otherwise anybody could make the service flood the issuer with requests.
"""

from __future__ import annotations

import asyncio
import urllib.request
from http.client import HTTPException
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

from consumer.addresses import is_safe
from consumer.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    Json = dict[str, Any]

log = structlog.get_logger()

DISCOVERY: Final = "/.well-known/openid-configuration"

LOOK_SECONDS: Final = 10.0
"""Minimum time between two fetches of the keys."""

FRESH_SECONDS: Final = 600.0
"""Keys older than this are fetched again in the background, so that withdrawn keys stop being accepted."""

KEEP_SECONDS: Final = 86_400.0
"""How long fetched keys are accepted while the issuer does not answer: a restart of the issuer must not end
all sessions."""

FETCH_SECONDS: Final = 5.0
_NO_ANSWER: Final = (
    *(OSError, HTTPException, TimeoutError),
    *(ValueError, TypeError, KeyError, AttributeError),
)
"""No answer, an answer that is not HTTP, or one with unexpected content."""
_MOST_BYTES: Final = 1 << 20


class Issuer:
    """The issuer's keys and end points.

    Args:
        url: of the issuer, exactly as in the claim `iss` of its tokens.
        fetch: returns the document at a URL; called in a thread, because it may block.
        clock: seconds.
    """

    def __init__(
        self, url: str, *, fetch: Callable[[str], bytes] | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self.url = url
        self._fetch = fetch or fetched
        self._clock = clock
        self._keys: dict[str, Json] = {}
        self._description: Json = {}
        self._fetched = self._tried = -KEEP_SECONDS
        self._away = True
        self._looking = asyncio.Lock()
        self._beside: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> Json | None:
        """The key with this id as a JWK; None: the issuer has no such key.

        Raises:
            Problem: the issuer does not answer, so it is not known whether the key exists.
        """
        age = self._clock() - self._fetched
        if kid not in self._keys or age > KEEP_SECONDS:
            await self._look()
        elif age > FRESH_SECONDS and (self._beside is None or self._beside.done()):
            self._beside = asyncio.create_task(self._look(), name="issuer keys")
        if self._away and (kid not in self._keys or age > KEEP_SECONDS):
            raise self._problem()
        return self._keys.get(kid)

    async def end_point(self, name: str) -> str:
        """The URL of an end point, from OpenID Connect Discovery.

        Raises:
            Problem: the issuer does not answer, or its discovery document does not have it.
        """
        if not self._description:
            await self._look()
        if not self._description:
            raise self._problem()
        url = self._description.get(name)
        if not isinstance(url, str) or not is_safe(url):
            log.warning("the issuer's discovery document is incomplete", issuer=self.url, missing=name)
            raise Problem("unavailable", f"the issuer's discovery document has no usable {name}")
        return url

    def _problem(self) -> Problem:
        return Problem(
            "unavailable",
            "the token cannot be checked: its issuer does not answer",
            headers={"Retry-After": str(int(LOOK_SECONDS))},
        )

    async def _look(self) -> None:
        async with self._looking:
            if self._clock() - self._tried < LOOK_SECONDS:
                return
            self._tried = self._clock()
            try:
                async with asyncio.timeout(FETCH_SECONDS):
                    await self._look_now()
            except _NO_ANSWER as error:
                self._away = True
                log.warning("the issuer's keys cannot be fetched", issuer=self.url, error=repr(error))

    async def _look_now(self) -> None:
        description = await self._document(self.url.rstrip("/") + DISCOVERY)
        if description["issuer"] != self.url:
            raise ValueError(f"its discovery document names another issuer: {description['issuer']!r}")
        keys = (await self._document(description["jwks_uri"]))["keys"]
        self._keys = {key["kid"]: key for key in keys if key.get("kid") and key.get("use", "sig") == "sig"}
        self._description = description
        self._away, self._fetched = False, self._clock()

    async def _document(self, url: object) -> Json:
        document = orjson.loads(await asyncio.to_thread(self._fetch, str(url)))
        if not isinstance(document, dict):
            raise TypeError(f"{url} is not a JSON object")
        return document


def fetched(url: str, body: bytes | None = None) -> bytes:
    """The content at a URL: GET, or POST of a form if `body` is given.

    Raises:
        OSError: there is no answer, or one with another status than 200. Redirections are not followed.
        ValueError: the answer is too large, or the connection would not be encrypted.
    """
    if not is_safe(url):
        raise ValueError(f"{url!r} does not begin with https:// and is not on this machine")
    request = urllib.request.Request(url, body, {"Accept": "application/json"})  # noqa: S310 - see is_safe
    with _OPENER.open(request, timeout=FETCH_SECONDS) as answer:
        found: bytes = answer.read(_MOST_BYTES + 1)
    if len(found) > _MOST_BYTES:
        raise ValueError(f"{url} is larger than {_MOST_BYTES} bytes")
    return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: it could lead away from HTTPS."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """None makes a redirection an error, as any other status that is not 200."""


_OPENER: Final = urllib.request.build_opener(_NoRedirects)
