"""The body of a request as a command: checked as the service will check it, with what the headers say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from fastapi import Header
from pydantic import ValidationError

from consumer.api.limits import body_of
from consumer.api.problems import Problem
from producers.messages import unchecked_message
from schemas.digits import dump_exactly, lost_digits, parse_exactly
from schemas.mistakes import mistakes
from schemas.strict_json import NotJson, parse

if TYPE_CHECKING:
    from starlette.requests import Request

    from consumer.api.tokens import Caller
    from producers.messages import CommandMessage
    from schemas.commands import CommandSpec

IfMatch = Annotated[
    str | None,
    Header(max_length=200, description="An `ETag` of the contract: refused if it has another version."),
]

_TAG: Final = re.compile(r'"(?:(?P<contract_id>[^"]+)\.)?(?P<version>\d{1,9})"')


class Asked(NamedTuple):
    """A command that a request is about."""

    spec: CommandSpec
    account_id: str
    caller: Caller
    key: str
    if_match: str | None
    wait: int = 0


async def message_of(request: Request, asked: Asked, max_bytes: int) -> CommandMessage:
    """The command that is asked for, ready to be sent.

    Raises:
        Problem: the body is none.
    """
    body = await body_of(request, max_bytes)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type != "application/json":
        raise Problem("unsupported_media_type")
    value = _checked(asked, _with_headers(asked, _object(body or b"{}")))
    if len(value) > max_bytes:
        raise Problem("too_large", f"at most {max_bytes} bytes are accepted")
    source, key = asked.caller.source, asked.key
    return unchecked_message(asked.spec.name, asked.account_id, value, source=source, command_id=key)


def _object(body: bytes) -> dict[str, Any]:
    """The body as an object, with numbers that keep every digit."""
    parsed = parse(body)
    if isinstance(parsed, NotJson):
        raise Problem("malformed", f"the body {parsed.message}")
    if not isinstance(parsed, dict):
        raise Problem("schema_violation", errors=[{"path": "", "message": "must be an object"}])
    exact: dict[str, Any] = parse_exactly(body)
    return exact


def _with_headers(asked: Asked, data: dict[str, Any]) -> bytes:
    """The data with what the request says of it: who asks, and which version is meant."""
    told = {"requested_by": asked.caller.name[:128], **_meant(asked.if_match)}
    if twice := [name for name in told if name in data]:
        why = "is told by the token" if twice[0] == "requested_by" else "is told by If-Match"
        raise Problem("schema_violation", errors=[{"path": f"/{twice[0]}", "message": why}])
    return dump_exactly(data | told)


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


def _checked(asked: Asked, value: bytes) -> bytes:
    try:
        found = lost_digits(value, asked.spec.adapter.validator.validate_json(value, strict=True))
    except ValidationError as error:
        found = mistakes(asked.spec, error)
    if found:
        raise Problem("schema_violation", errors=[dict(each) for each in found])  # type: ignore[arg-type]
    return value
