"""`POST …/commands/NAME`: a command into the log, and what became of it for those who wait."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote
from uuid import uuid4

import structlog
from fastapi import Header, Request
from starlette.responses import Response

from consumer.api.auth import Asking
from consumer.api.bodies import Asked, IfMatch, message_of
from consumer.api.log import POSITION_HEADER
from consumer.api.problems import Problem
from consumer.api.reads import AccountPath, document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from consumer.api.log import Answered, CommandLog
    from producers.messages import CommandMessage
    from producers.results import CommandResult
    from schemas.commands import CommandSpec

log = structlog.get_logger()

UNPROCESSABLE: Final = frozenset({"invalid_terms", "protected_field", "id_reused"})
"""Codes of refusals that another state of the contract would not help: 422. The others are 409."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="The command's id: the same again changes nothing. Default: a new one.",
    ),
]
Prefer = Annotated[
    str | None,
    Header(max_length=200, description="`wait=N`: answer with the result, if it comes within N seconds."),
]
_WAIT: Final = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,5})"?(?=$|[,;\s])', re.IGNORECASE)


class Publishing:
    """End points that put commands into the log.

    Args:
        log: where they go.
        max_bytes: larger bodies are refused.
        max_wait: seconds; who asks for more waits so long.
    """

    def __init__(self, log: CommandLog, *, max_bytes: int, max_wait: float) -> None:
        self._log = log
        self._max_bytes = max_bytes
        self._max_wait = int(max_wait)

    def endpoint(self, spec: CommandSpec) -> Callable[..., Awaitable[Response]]:
        """The end point of one command."""

        async def publish(
            request: Request,
            account_id: AccountPath,
            caller: Asking,
            idempotency_key: IdempotencyKey = None,
            prefer: Prefer = None,
            if_match: IfMatch = None,
        ) -> Response:
            wait = min(_seconds(prefer), self._max_wait)
            key = idempotency_key or str(uuid4())
            return await self._publish(request, Asked(spec, account_id, caller, key, if_match, wait))

        return publish

    async def _publish(self, request: Request, asked: Asked) -> Response:
        try:
            message = await message_of(request, asked, self._max_bytes)
            answered = await self._log.put(message, asked.wait)
            response = _told(asked, message, answered)
        except Problem as problem:
            _audit(asked, status=problem.status, code=problem.code)
            raise
        except Exception as error:
            _audit(asked, status=None, code=type(error).__name__)
            raise
        result = answered.result
        _audit(asked, status=response.status_code, code=None, outcome=result.outcome if result else None)
        return response


def _seconds(prefer: str | None) -> int:
    found = _WAIT.search(prefer or "")
    return int(found[1]) if found else 0


def _told(asked: Asked, message: CommandMessage, answered: Answered) -> Response:
    sent, result = answered
    place = f"/v1/accounts/{quote(asked.account_id, safe='')}/results/{quote(asked.key, safe='')}"
    headers = {POSITION_HEADER: f"{sent.partition}/{sent.offset}"}
    told: dict[str, Any] = {
        "command": {"id": asked.key, "source": message.source, "type": asked.spec.type},
        "account_id": asked.account_id,
    }
    if result is None:
        headers["Location"] = f"{place}?source={quote(message.source, safe='')}"
        return document(told, headers, 202)
    headers |= {"Preference-Applied": f"wait={asked.wait}"}
    if result.outcome == "duplicate":
        headers["Idempotent-Replayed"] = "true"
    if result.code is not None:
        raise _refused(result, result.code, told, headers, matched=asked.if_match is not None)
    return document({**told, "result": result.as_data()}, headers)


def _refused(
    result: CommandResult, code: str, told: dict[str, Any], headers: dict[str, str], *, matched: bool
) -> Problem:
    status = 422 if code in UNPROCESSABLE else 409
    if matched and code in {"version_conflict", "contract_id_mismatch"}:
        status = 412
    errors = [{"path": path, "message": why} for path, why in result.errors]
    more = {**told, "outcome": result.outcome}
    return Problem(code, result.message, errors=errors, status=status, headers=headers, more=more)


def _audit(asked: Asked, **how: object) -> None:
    log.info(
        "a command was asked for",
        asked_by=asked.caller.name,
        role=asked.caller.role,
        account_id=asked.account_id,
        what=asked.spec.name,
        command_id=asked.key,
        **how,
    )
