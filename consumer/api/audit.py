"""The audit log: a line for each command that a caller of the API or the console sends, and for each 403."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from consumer.api.tokens import Caller

log = structlog.get_logger()


def audit(event: str, caller: Caller, account_id: str, command: str, command_id: str, **how: object) -> None:
    """Logs who sent which command. `how` describes the outcome of the request."""
    log.info(
        event,
        asked_by=caller.name,
        role=caller.role,
        account_id=account_id,
        what=command,
        command_id=command_id,
        **how,
    )


class Audited:
    """ASGI middleware that logs each request that a caller was not allowed to make.

    Args:
        app: the wrapped application, which answers such a request with 403.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        state = scope.setdefault("state", {})

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.FORBIDDEN:
                caller: Caller | None = state.get("caller")
                log.warning(
                    "a request was refused",
                    asked_by=caller.name if caller else None,
                    role=caller.role if caller else None,
                    method=scope["method"],
                    path=scope["path"],
                )
            await send(message)

        await self._app(scope, receive, sent)
