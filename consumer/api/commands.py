"""`POST …/commands/NAME`: a command into the log, and what became of it for those who wait."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import orjson
import structlog
from fastapi import Header, Request
from pydantic import ValidationError
from starlette.responses import Response

from consumer.api.auth import Asking
from consumer.api.limits import body_of
from consumer.api.log import POSITION_HEADER
from consumer.api.problems import Problem
from consumer.api.reads import AccountPath, document
from producers.messages import unchecked_message
from schemas.digits import lost_digits, parse_exactly
from schemas.mistakes import mistakes
from schemas.strict_json import NotJson, parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from consumer.api.log import Answered, CommandLog
    from consumer.api.tokens import Caller
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
IfMatch = Annotated[
    str | None,
    Header(max_length=200, description="An `ETag` of the contract: refused if it has another version."),
]

_WAIT: Final = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,5})"?(?=$|[,;\s])', re.IGNORECASE)
_TAG: Final = re.compile(r'"(?:(?P<contract_id>[^"]+)\.)?(?P<version>\d{1,9})"')


class _Asked(NamedTuple):
    spec: CommandSpec
    account_id: str
    caller: Caller
    key: str
    wait: int
    if_match: str | None


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
            return await self._publish(request, _Asked(spec, account_id, caller, key, wait, if_match))

        return publish

    async def _publish(self, request: Request, asked: _Asked) -> Response:
        try:
            message = await self._message(request, asked)
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

    async def _message(self, request: Request, asked: _Asked) -> CommandMessage:
        body = await body_of(request, self._max_bytes)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and media_type != "application/json":
            raise Problem("unsupported_media_type")
        value = _checked(asked, _with_headers(asked, _object(body or b"{}")))
        if len(value) > self._max_bytes:
            raise Problem("too_large", f"at most {self._max_bytes} bytes are accepted")
        return unchecked_message(
            asked.spec.name, asked.account_id, value, source=asked.caller.source, command_id=asked.key
        )


def _object(body: bytes) -> dict[str, Any]:
    """The body as an object, with numbers that keep every digit."""
    parsed = parse(body)
    if isinstance(parsed, NotJson):
        raise Problem("malformed", f"the body {parsed.message}")
    if not isinstance(parsed, dict):
        raise Problem("schema_violation", errors=[{"path": "", "message": "must be an object"}])
    exact: dict[str, Any] = parse_exactly(body)
    return exact


def _with_headers(asked: _Asked, data: dict[str, Any]) -> bytes:
    """The data with what the request says of it: who asks, and which version is meant."""
    told = {"requested_by": asked.caller.name[:128], **_meant(asked.if_match)}
    if twice := [name for name in told if name in data]:
        why = "is told by the token" if twice[0] == "requested_by" else "is told by If-Match"
        raise Problem("schema_violation", errors=[{"path": f"/{twice[0]}", "message": why}])
    return orjson.dumps(data | told, default=lambda number: orjson.Fragment(str(number)))


def _meant(if_match: str | None) -> dict[str, Any]:
    """Contract and version of an ETag; of a plain version only that."""
    if if_match is None:
        return {}
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        what = {"path": "If-Match", "message": "must be one ETag of a contract"}
        raise Problem("invalid_request", errors=[what])
    named = {"contract_id": tag["contract_id"]} if tag["contract_id"] else {}
    return {**named, "expected_version": int(tag["version"])}


def _checked(asked: _Asked, value: bytes) -> bytes:
    try:
        found = lost_digits(value, asked.spec.adapter.validator.validate_json(value, strict=True))
    except ValidationError as error:
        found = mistakes(asked.spec, error)
    if found:
        raise Problem("schema_violation", errors=[dict(each) for each in found])  # type: ignore[arg-type]
    return value


def _seconds(prefer: str | None) -> int:
    found = _WAIT.search(prefer or "")
    return int(found[1]) if found else 0


def _told(asked: _Asked, message: CommandMessage, answered: Answered) -> Response:
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


def _audit(asked: _Asked, **how: object) -> None:
    log.info(
        "a command was asked for",
        asked_by=asked.caller.name,
        role=asked.caller.role,
        account_id=asked.account_id,
        what=asked.spec.name,
        command_id=asked.key,
        **how,
    )
