"""Makes a command of a request's body and headers, with the same checks as in the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from fastapi import Header
from pydantic import AfterValidator, ValidationError

from consumer.api.limits import body_of
from consumer.api.problems import Problem
from consumer.domain.commands.table import OPENING
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
    Header(
        max_length=200,
        description="An `ETag` of the contract. The command is refused if the contract has another version.",
    ),
]


def _ascii(key: str | None) -> str | None:
    """Refuses other bytes: clients decode them to different texts."""
    if key is None or (key.isascii() and key.isprintable()):
        return key
    raise ValueError("must be printable ASCII")


IdempotencyKey = Annotated[
    str | None,
    AfterValidator(_ascii),
    Header(
        min_length=1,
        max_length=255,
        description="The command's id, in ASCII. A second command with the same id changes nothing. "
        "Default: a new id.",
        json_schema_extra={"pattern": "^[ -~]+$"},
    ),
]

_TAG: Final = re.compile(r'"(?:(?P<contract_id>[^"]+)\.)?(?P<version>\d{1,9})"')


class Asked(NamedTuple):
    """The command that a request asks for."""

    spec: CommandSpec
    account_id: str
    caller: Caller
    key: str
    if_match: str | None
    wait: int = 0


async def message_of(request: Request, asked: Asked, max_bytes: int) -> CommandMessage:
    """The command of the request, ready to send.

    Raises:
        Problem: the body is not valid data of this command.
    """
    body = await body_of(request, max_bytes)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type != "application/json":
        raise Problem("unsupported_media_type")
    return checked_message(asked, body or b"{}", max_bytes)


def checked_message(asked: Asked, body: bytes, max_bytes: int) -> CommandMessage:
    """The command with this data, ready to send.

    Raises:
        Problem: the data does not fit the command's schema, or is too large.
    """
    value = _checked(asked, _with_headers(asked, _object(body)))
    if len(value) > max_bytes:
        raise Problem("too_large", f"at most {max_bytes} bytes are accepted")
    source, key = asked.caller.source, asked.key
    return unchecked_message(asked.spec.name, asked.account_id, value, source=source, command_id=key)


def _object(body: bytes) -> dict[str, Any]:
    """The body as an object. Numbers keep all their digits."""
    parsed = parse(body)
    if isinstance(parsed, NotJson):
        raise Problem("malformed", f"the body {parsed.message}")
    if not isinstance(parsed, dict):
        raise Problem("schema_violation", errors=[{"path": "", "message": "must be an object"}])
    exact: dict[str, Any] = parse_exactly(body)
    return exact


def _with_headers(asked: Asked, data: dict[str, Any]) -> bytes:
    """The data with the fields that the token and If-Match set."""
    added = {"requested_by": asked.caller.name[:128], **_meant(asked)}
    if twice := [name for name in added if name in data]:
        why = "is set by the token" if twice[0] == "requested_by" else "is set by If-Match"
        raise Problem("schema_violation", errors=[{"path": f"/{twice[0]}", "message": why}])
    return dump_exactly(data | added)


def _meant(asked: Asked) -> dict[str, Any]:
    """Contract id and version of an ETag; only the version of a tag that is a plain version."""
    if asked.if_match is None:
        return {}
    if asked.spec.name in OPENING:  # the service would reject it with any ETag
        raise _bad_if_match("a new contract has no ETag yet: leave the header out")
    tag = _TAG.fullmatch(asked.if_match.strip())
    if tag is None:
        raise _bad_if_match("must be one ETag of a contract")
    named = {"contract_id": tag["contract_id"]} if tag["contract_id"] else {}
    return {**named, "expected_version": int(tag["version"])}


def _bad_if_match(why: str) -> Problem:
    return Problem("invalid_request", errors=[{"path": "If-Match", "message": why}])


def _checked(asked: Asked, value: bytes) -> bytes:
    try:
        found = lost_digits(value, asked.spec.adapter.validator.validate_json(value, strict=True))
    except ValidationError as error:
        found = mistakes(asked.spec, error)
    if found:
        raise Problem("schema_violation", errors=[dict(each) for each in found])  # type: ignore[arg-type]
    return value
