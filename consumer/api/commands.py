"""`POST …/commands/NAME`: publishes a command, and answers with its result if the caller waits for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote
from uuid import uuid4

from fastapi import Header, Request
from starlette.responses import Response

from consumer.api.audit import audit
from consumer.api.auth import Asking
from consumer.api.bodies import Asked, IdempotencyKey, IfMatch, message_of
from consumer.api.log import position_of
from consumer.api.problems import Problem
from consumer.api.reads import AccountPath, document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from consumer.api.log import Answered, CommandLog, Progress
    from producers.messages import CommandMessage
    from producers.results import CommandResult
    from schemas.commands import CommandSpec


UNPROCESSABLE: Final = frozenset({"invalid_terms", "protected_field", "id_reused"})
"""Rejections that do not depend on the contract's state: status 422. All others: 409."""

Prefer = Annotated[
    str | None,
    Header(max_length=200, description="`wait=N`: wait up to N seconds for the result, and answer with it."),
]
_WAIT: Final = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,5})"?(?=$|[,;\s])', re.IGNORECASE)


class Publishing:
    """End points that publish commands.

    Args:
        log: publishes them.
        progress: the positions that the database has reached.
        max_bytes: larger bodies are refused.
        max_wait: longest wait for a result, in seconds; a longer `wait=N` is shortened to it.
    """

    def __init__(self, log: CommandLog, progress: Progress, *, max_bytes: int, max_wait: float) -> None:
        self._log = log
        self._progress = progress
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
            before = await self._progress.refreshed()
            answered = await self._log.put(message, asked.wait)
            response = _answer(asked, message, answered, position_of(answered.sent, before))
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


def _answer(
    asked: Asked, message: CommandMessage, answered: Answered, position: Mapping[str, str]
) -> Response:
    result, headers = answered.result, dict(position)
    location = f"/v1/accounts/{quote(asked.account_id, safe='')}/results/{quote(asked.key, safe='')}"
    body: dict[str, Any] = {
        "command": {"id": asked.key, "source": message.source, "type": asked.spec.type},
        "account_id": asked.account_id,
    }
    if result is None:
        headers["Location"] = f"{location}?source={quote(message.source, safe='')}"
        return document(body, headers, 202)
    headers |= {"Preference-Applied": f"wait={asked.wait}"}
    if result.outcome == "duplicate":
        headers["Idempotent-Replayed"] = "true"
    if result.code is not None:
        raise _refused(result, result.code, body, headers, matched=asked.if_match is not None)
    return document({**body, "result": result.as_data()}, headers)


def _refused(
    result: CommandResult, code: str, body: dict[str, Any], headers: dict[str, str], *, matched: bool
) -> Problem:
    status = 422 if code in UNPROCESSABLE else 409
    if matched and code in {"version_conflict", "contract_id_mismatch"}:
        status = 412
    errors = [{"path": path, "message": why} for path, why in result.errors]
    more = {**body, "outcome": result.outcome}
    return Problem(code, result.message, errors=errors, status=status, headers=headers, more=more)


def _audit(asked: Asked, **how: object) -> None:
    audit("a command was asked for", asked.caller, asked.account_id, asked.spec.name, asked.key, **how)
