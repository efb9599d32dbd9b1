"""Gives each request an id, which is in its answer and in every log line about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders

from consumer.telemetry.logs import log_context

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID: Final = "X-Request-Id"

_FIT: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
"""Other ids could break a log line, or make it too long."""


class Identified:
    """ASGI middleware that gives each request an id.

    An id that the caller sends is kept if it is safe to log. Otherwise the request gets a new one.

    Args:
        app: the wrapped application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on with its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _FIT.fullmatch(given) else str(uuid4())

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        with log_context(request_id=request_id):
            await self._app(scope, receive, sent)
