"""Errors as RFC 9457 has them: `application/problem+json` with a code of ours, and nothing of the inside."""

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
"""What `Retry-After` says where nobody knows better."""

PROBLEMS: Final[dict[str, tuple[int, str]]] = {
    "malformed": (400, "The body is not JSON that the service accepts"),
    "invalid_request": (400, "A parameter or a header is wrong"),
    "unauthenticated": (401, "A bearer token is needed"),
    "forbidden": (403, "This token may not do that"),
    "not_found": (404, "There is nothing at this address"),
    "contract_not_found": (404, "There is no such contract"),
    "result_not_found": (404, "There is no result of such a command"),
    "method_not_allowed": (405, "This address does not take this method"),
    "history_pruned": (410, "The history is not kept that long"),
    "version_conflict": (412, "The contract has another version"),
    "too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body must be application/json"),
    "schema_violation": (422, "The data does not fit the command's schema"),
    "rate_limited": (429, "Too many requests with this token"),
    "internal": (500, "The service failed"),
    "unavailable": (503, "A server behind the service does not answer"),
    "position_not_reached": (504, "What was asked for is not applied yet"),
}
"""Every code of the API's own, with its status and title. Codes of refused commands come beside them."""


class Problem(Exception):
    """An answer that is an error.

    Args:
        code: one of PROBLEMS, or of a refused command.
        detail: a sentence for people, without values that the caller sent.
        errors: (JSON Pointer into the body, or name of the parameter; what is wrong there).
        status: of a refused command; else that of the code.
        headers: added to the answer.
        more: added to the document.
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
        known, title = PROBLEMS.get(code, (409, "The command was refused"))
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
    """Makes every failure a problem document."""

    async def told(_request: Request, error: Exception) -> Response:
        return problem_of(error).response()

    for kind in (Problem, RequestValidationError, HTTPException, *_KNOWN):
        app.add_exception_handler(kind, told)
    app.add_exception_handler(Exception, _defect)


def problem_of(error: Exception) -> Problem:
    """What callers are told of an error that they may know of."""
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
    log.error("a request failed by a defect", exc_info=error)
    return Problem("internal").response()


def _parameter(detail: Mapping[str, Any]) -> dict[str, str]:
    """A mistake in a parameter, by its name; the value is not quoted."""
    place = detail["loc"]  # such as ("query", "limit"), and deeper where a parameter may have several forms
    return {"path": str(place[min(1, len(place) - 1)]), "message": str(detail["msg"])}
