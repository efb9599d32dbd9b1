"""Errors in the format of RFC 9457: `application/problem+json` with a code, and without internal details."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from consumer.errors import (
    BrokerDenied,
    BrokerUnavailable,
    ContractNotFound,
    HistoryPruned,
    InputRefused,
    ServiceUnavailable,
    TopicsMissing,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:contracts:problem:"

RETRY_SECONDS: Final = 1
"""`Retry-After`, if nothing more exact is known."""

PROBLEMS: Final[dict[str, tuple[int, str]]] = {
    "malformed": (400, "The body is not JSON that the service accepts"),
    "invalid_request": (400, "A parameter or a header is wrong"),
    "unauthenticated": (401, "A bearer token is needed"),
    "forbidden": (403, "This token may not do that"),
    "not_found": (404, "There is nothing at this address"),
    "contract_not_found": (404, "The contract does not exist"),
    "result_not_found": (404, "There is no result of this command"),
    "method_not_allowed": (405, "This address does not support this method"),
    "body_timeout": (408, "The body took too long"),
    "history_pruned": (410, "The history of that time was pruned"),
    "log_replaced": (410, "The position is of a log that was replaced"),
    "version_conflict": (412, "The contract has another version"),
    "too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body must be application/json"),
    "schema_violation": (422, "The data does not fit the command's schema"),
    "rate_limited": (429, "Too many requests with this token"),
    "internal": (500, "The service failed"),
    "busy": (503, "Too many previews are asked for at once"),
    "unavailable": (503, "A server behind the service does not answer"),
    "position_not_reached": (504, "The requested position is not applied yet"),
}
"""All codes of the API itself, with status and title. Rejected commands have their own codes in addition."""


class Problem(Exception):
    """An error answer.

    Args:
        code: one of PROBLEMS, or the code of a rejected command.
        detail: one sentence for people. It must not contain values that the caller sent.
        errors: `path` (JSON Pointer into the body, or name of the parameter) and `message` of each mistake.
        status: for a rejected command; default: the status of the code.
        headers: added to the answer.
        more: members added to the document.
    """

    def __init__(
        self,
        code: str,
        detail: str | None = None,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        known, title = PROBLEMS.get(code, (409, "The command was rejected"))
        self.status = status or known
        self.headers = dict(headers or {})
        self.code = code
        self.document: dict[str, Any] = {
            "type": TYPE_PREFIX + code,
            "title": title,
            "status": self.status,
            "code": code,
            **({"detail": detail} if detail else {}),
            **({"errors": list(errors)} if errors else {}),
            **(more or {}),
        }

    def response(self) -> Response:
        """The answer."""
        return Response(orjson.dumps(self.document), self.status, self.headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Answers every failure with a problem document."""

    async def answer(_request: Request, error: Exception) -> Response:
        return problem_of(error).response()

    for kind in (Problem, RequestValidationError, HTTPException, *_KNOWN):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(Exception, _defect)


def problem_of(error: Exception) -> Problem:
    """The problem that a caller sees for an error."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return Problem("invalid_request", errors=[_parameter(each) for each in error.errors()])
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
        return Problem(code, headers=error.headers)
    code = _KNOWN[type(error)]
    if code == "unavailable":  # its text names servers
        log.warning("a request failed", error=str(error))
        return Problem(code, headers={"Retry-After": str(RETRY_SECONDS)})
    listed = [{"path": path, "message": why} for path, why in getattr(error, "errors", ())]
    return Problem(code, str(error), errors=listed)


_KNOWN: Final[dict[type[Exception], str]] = {
    InputRefused: "invalid_request",
    ContractNotFound: "contract_not_found",
    HistoryPruned: "history_pruned",
    ServiceUnavailable: "unavailable",
    BrokerUnavailable: "unavailable",
    BrokerDenied: "unavailable",
    TopicsMissing: "unavailable",
}


async def _defect(_request: Request, error: Exception) -> Response:
    log.error("a request failed because of a defect in the program", exc_info=error)
    return Problem("internal").response()


def _parameter(detail: Mapping[str, Any]) -> dict[str, str]:
    """The name of a parameter and its mistake; the value is not quoted."""
    loc = detail["loc"]  # such as ("query", "limit"), and deeper where a parameter may have several forms
    return {
        "path": str(loc[min(1, len(loc) - 1)]),
        "message": str(detail["msg"]).removeprefix("Value error, "),
    }
