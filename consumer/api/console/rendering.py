"""Templates into answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import jinja2
import structlog
from starlette.responses import HTMLResponse, RedirectResponse

from consumer.api.console.drawn import moment, text_of
from consumer.api.console.session import PATH, form_token

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

log = structlog.get_logger()

PAGES: Final = ((PATH, "Search"), (f"{PATH}/calendar", "Calendar"), (f"{PATH}/statistics", "Statistics"))


class Pages:
    """Renders the templates; all that is filled in is escaped."""

    def __init__(self) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("consumer.api.console"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"moment": moment, "text": text_of, "account_path": account_path}

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
        """Another page instead."""
        return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)

    def error(
        self, request: Request, status: int, title: str, message: str, hint: str | None = None
    ) -> Response:
        """What went wrong, on a page."""
        return self.show(request, "error.html", status, title=title, message=message, hint=hint)

    async def not_found(self, request: Request, error: Exception) -> Response:
        """For addresses that are no page."""
        status = getattr(error, "status_code", 404)
        return self.error(request, status, "There is no such page", "The search finds every contract.")

    async def failed(self, request: Request, error: Exception) -> Response:
        """For defects of the program: the log says more."""
        log.error("a page failed", path=request.url.path, exc_info=error)
        return self.error(
            request, 500, "This page failed", "It is a defect of the program; the log says more."
        )


def account_path(account_id: str) -> str:
    """The address of an account's page."""
    return f"{PATH}/accounts/{quote(account_id, safe='')}"
