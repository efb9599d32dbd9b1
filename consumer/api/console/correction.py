"""The page of one dead letter, with a form for a corrected command that replaces it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from consumer.api.console.drafts import draft_of, filled_draft
from consumer.api.console.outgoing import mistakes_of
from consumer.api.console.roles import ROLES, offered
from consumer.api.problems import Problem
from consumer.errors import InputRefused
from schemas.digits import read_exactly

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.console.drafts import Draft
    from consumer.api.console.outgoing import Outgoing
    from consumer.api.console.rendering import Pages
    from consumer.api.tokens import Caller
    from consumer.operator.dead_letters import DeadLetter
    from consumer.operator.desk import Desk
    from producers.messages import CommandMessage


class CorrectionPages:
    """Shows a dead letter, and sends a corrected command."""

    def __init__(self, desk: Desk, outgoing: Outgoing, pages: Pages) -> None:
        self._desk = desk
        self._outgoing = outgoing
        self._pages = pages

    async def letter(self, request: Request) -> Response:
        """Shows one dead letter, with the form if the caller may correct it."""
        letter, value = await self._desk.letter(_id(request))
        may = _may_correct(request.state.caller)
        values: dict[str, Any] = {}
        if may:
            values = {"draft": draft_of(letter, value), "before": await self._before(letter)}
        return self._show(request, letter, value, command_id=str(uuid4()), **values)

    async def correct(self, request: Request) -> Response:
        """Previews the corrected command, or sends it."""
        caller: Caller = request.state.caller
        if not _may_correct(caller):
            why = "This requires a token with the role operator and access to personal data."
            return self._pages.error(request, 403, "Not allowed", why)
        form: dict[str, str] = request.state.form
        letter, value = await self._desk.letter(_id(request))
        draft, before = filled_draft(form), await self._before(letter)
        values: dict[str, Any] = {"draft": draft, "before": before, "account_id": draft.account_id}
        values["command_id"] = command_id = form.get("command_id") or str(uuid4())
        try:
            message = self._message(caller, draft, command_id)
            if form.get("do") == "send" and (form.get("again") == "yes" or not before):
                await self._desk.replaced(letter)
                sent, result = await self._outgoing.send(caller, message, corrects=letter.id)
                return self._show(request, letter, value, sent=sent, result=result, **values)
            seen = await self._outgoing.foreseen(caller, message)
            data = seen.held(draft.command, read_exactly(draft.data.encode()))
            return self._show(request, letter, value, seen=seen, data=data, **values)
        except (Problem, InputRefused) as error:
            return self._show(request, letter, value, 400, **values, **mistakes_of(error))

    def _message(self, caller: Caller, draft: Draft, command_id: str) -> CommandMessage:
        if draft.command not in ROLES:
            raise InputRefused("choose a command")
        return self._outgoing.message(
            caller, draft.command, draft.account_id, command_id, draft.data.encode()
        )

    async def _before(self, letter: DeadLetter) -> str | None:
        """A warning if the dead letter was already sent again."""
        [would] = await self._desk.redrive([letter], send=False)
        return f"Look first: {would.why}." if would.fate == "skipped" else None

    def _show(
        self, request: Request, letter: DeadLetter, value: bytes | None, status: int = 200, **values: Any
    ) -> Response:
        commands = offered(request.state.caller)
        return self._pages.show(
            request, "letter.html", status, letter=letter, value=value, commands=commands, **values
        )


def _id(request: Request) -> str:
    return "{partition}/{offset}".format(**request.path_params)


def _may_correct(caller: Caller) -> bool:
    return caller.may("operator") and caller.personal
