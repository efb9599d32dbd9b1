"""The pages of dead letters: grouped by reason and source, and sent again in bulk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from consumer.api.console.drawn import groups_of, in_group
from consumer.errors import InputRefused
from consumer.operator.dead_letters import LetterQuery
from consumer.operator.desk import MOST_LETTERS

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.console.rendering import Pages
    from consumer.api.tokens import Caller
    from consumer.operator.dead_letters import DeadLetter
    from consumer.operator.desk import Desk

log = structlog.get_logger()

DAYS: Final = 7
MOST_DAYS: Final = 3_650
SHOWN: Final = 200
"""Maximum number of dead letters of a group on one page, and of those sent again in one request."""


class LetterPages:
    """Shows dead letters, and sends them again unchanged."""

    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    async def overview(self, request: Request) -> Response:
        """Shows the groups, by reason and source."""
        days = days_of(request, DAYS, MOST_DAYS)
        letters = await self._desk.letters(LetterQuery(since=_since(days)))
        return self._pages.show(
            request,
            "letters.html",
            days=days,
            groups=groups_of(letters.found, days),
            complete=letters.complete,
            most=MOST_LETTERS,
        )

    async def group(self, request: Request) -> Response:
        """Shows one group, and what would happen to each dead letter if it was sent again."""
        found, more = await self._group(request)
        rows = await self._desk.redrive(found, send=False)
        ids = [each.letter.id for each in rows if each.fate == "would be sent"]
        return self._show_group(request, rows=rows, ids=ids, more=more)

    async def redrive(self, request: Request) -> Response:
        """Sends the dead letters again that the page showed."""
        caller: Caller = request.state.caller
        if not caller.may("operator"):
            return self._pages.error(
                request, 403, "Not allowed", "This requires a token with the role operator."
            )
        form: dict[str, str] = request.state.form
        ids = frozenset(form.get("ids", "").split()[:SHOWN])
        if form.get("order") != "known" or not ids:
            raise InputRefused(
                "nothing was sent: confirm first that they may be applied after later commands"
            )
        letters = await self._desk.letters(LetterQuery(ids=ids))
        rows = await self._desk.redrive(letters.found, send=True)
        sent = [each.letter.id for each in rows if each.fate == "sent"]
        log.info(
            "dead letters were sent again from the console",
            asked_by=caller.name,
            role=caller.role,
            sent=sent,
            skipped=[each.letter.id for each in rows if each.fate != "sent"],
        )
        return self._show_group(request, rows=rows, ids=[], redriven=len(sent))

    async def _group(self, request: Request) -> tuple[list[DeadLetter], bool]:
        reason, producer = _chosen(request)
        query = LetterQuery(reasons=frozenset({reason}), since=_since(days_of(request, DAYS, MOST_DAYS)))
        letters = await self._desk.letters(query)
        found = in_group(letters.found, producer)
        return found[:SHOWN], len(found) > SHOWN or not letters.complete

    def _show_group(self, request: Request, **values: Any) -> Response:
        reason, producer = _chosen(request)
        days = days_of(request, DAYS, MOST_DAYS)
        query = {"reason": reason, "producer": producer, "days": days}
        return self._pages.show(
            request,
            "letter_group.html",
            reason=reason,
            producer=producer,
            days=days,
            query=query,
            shown=SHOWN,
            **values,
        )


def days_of(request: Request, default: int, most: int) -> int:
    """The number of days in the page's parameters.

    Raises:
        InputRefused: it is not a number, or out of range.
    """
    text = request.query_params.get("days", str(default))
    days = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(most)) else 0
    if not 1 <= days <= most:
        raise InputRefused(f"days must be a number from 1 to {most:,}")
    return days


def _since(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def _chosen(request: Request) -> tuple[str, str]:
    return request.query_params.get("reason", ""), request.query_params.get("producer", "")
