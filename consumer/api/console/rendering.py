"""Renders templates to answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import jinja2
import structlog
from starlette.responses import HTMLResponse, RedirectResponse

from consumer.api.console.drawn import moment, shown, text_of
from consumer.api.console.session import PATH, form_token

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.problems import Problem

log = structlog.get_logger()

PAGES: Final = (
    (PATH, "Search"),
    (f"{PATH}/calendar", "Calendar"),
    (f"{PATH}/statistics", "Statistics"),
    (f"{PATH}/dead-letters", "Dead letters"),
    (f"{PATH}/operations", "Operations"),
)

AWAY: Final = "MongoDB or Kafka does not answer, or refuses the service; the log says which."


class Pages:
    """Renders the templates. All values are escaped."""

    def __init__(self) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("consumer.api.console"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "moment": moment,
            "text": text_of,
            "shown": shown,
            "account_path": account_path,
        }

    def show(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page."""
        text = self._templates.get_template(template).render(
            pages=PAGES,
            here=request.url.path,
            caller=getattr(request.state, "caller", None),
            form_token=form_token(request),
            **values,
        )
        return HTMLResponse(text, status)

    @staticmethod
    def redirect(path: str, **query: str) -> Response:
        """Sends the browser to another page."""
        return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)

    def error(
        self, request: Request, status: int, title: str, message: str, hint: str | None = None
    ) -> Response:
        """A page that shows an error."""
        return self.show(request, "error.html", status, title=title, message=message, hint=hint)

    def problem(self, request: Request, problem: Problem) -> Response:
        """A page for the same problem that the API would answer with."""
        details = problem.document
        return self.error(request, problem.status, "Not now", details.get("detail", details["title"]))

    async def not_found(self, request: Request, error: Exception) -> Response:
        """The page for unknown addresses."""
        status = getattr(error, "status_code", 404)
        return self.error(request, status, "This page does not exist", "Use the search to find a contract.")

    async def failed(self, request: Request, error: Exception) -> Response:
        """The page for defects of the program. The log has the details."""
        log.error("a page failed", path=request.url.path, exc_info=error)
        return self.error(
            request,
            500,
            "This page failed",
            "This is a defect in the program. The log of the service has the details.",
        )


def account_path(account_id: str) -> str:
    """The address of an account's page."""
    return f"{PATH}/accounts/{quote(account_id, safe='')}"
