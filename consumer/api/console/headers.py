"""Security headers of every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.api.console.session import PATH

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    b"base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


class Headers:
    """Pages may not load or run content of other origins, and caches must not store them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Adds them to the answer."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                cached = scope["path"].startswith(f"{PATH}/static/")
                cache = (b"cache-control", b"max-age=3600" if cached else b"no-store")
                message["headers"] = [*message["headers"], *HEADERS, cache]
            await send(message)

        await self._app(scope, receive, sent)
