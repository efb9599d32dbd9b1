"""The pages that send a command: form, preview, result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

from consumer.api.console.command_line import command_line
from consumer.api.console.forms import PREVIEW_AT, data_of, fields_of, moment_of
from consumer.api.console.outgoing import mistakes_of
from consumer.api.console.roles import ROLES
from consumer.api.problems import Problem
from consumer.errors import InputRefused
from schemas.commands import COMMANDS
from schemas.digits import dump_exactly

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.console.outgoing import Outgoing
    from consumer.api.console.rendering import Pages
    from consumer.api.tokens import Caller
    from producers.messages import CommandMessage


class CommandPages:
    """Shows a command's form, its preview and its result."""

    def __init__(self, outgoing: Outgoing, pages: Pages) -> None:
        self._outgoing = outgoing
        self._pages = pages

    async def form(self, request: Request) -> Response:
        """Shows the empty form. It contains the command id, so that a form sent twice is a duplicate."""
        refused = self._refused(request)
        return refused or self._show(request, filled={}, command_id=str(uuid4()))

    async def answer(self, request: Request) -> Response:
        """Shows the preview of the form, or sends the command and shows its result."""
        if refused := self._refused(request):
            return refused
        form: dict[str, str] = request.state.form
        command_id = form.get("command_id") or str(uuid4())
        try:
            if form.get("do") == "send":
                return await self._send(request, command_id, form.get("data", ""))
            return await self._foresee(request, command_id, form)
        except (Problem, InputRefused) as error:
            return self._show(request, 400, filled=form, command_id=command_id, **mistakes_of(error))

    def _refused(self, request: Request) -> Response | None:
        caller: Caller = request.state.caller
        role = ROLES.get(request.path_params["command"])
        if role is None:
            return self._pages.error(
                request, 404, "This command does not exist", "The page of the contract lists the commands."
            )
        if not caller.may(role):
            return self._pages.error(
                request, 403, "Not allowed", f"This requires a token with the role {role}."
            )
        return None

    async def _foresee(self, request: Request, command_id: str, form: dict[str, str]) -> Response:
        name, account_id = request.path_params["command"], _account(request)
        data = data_of(name, form)
        message = self._message(request, command_id, dump_exactly(data))
        at = moment_of(form, PREVIEW_AT)
        seen = await self._outgoing.foreseen(request.state.caller, message, at)
        text = seen.held(name, data)
        return self._show(
            request,
            filled=form,
            command_id=command_id,
            seen=seen,
            later=at,
            data=text,
            command_line=command_line(name, account_id, command_id, text),
        )

    async def _send(self, request: Request, command_id: str, text: str) -> Response:
        message = self._message(request, command_id, text.encode())
        sent, result = await self._outgoing.send(request.state.caller, message)
        return self._show(request, filled={}, command_id=command_id, sent=sent, result=result)

    def _message(self, request: Request, command_id: str, data: bytes) -> CommandMessage:
        name = request.path_params["command"]
        return self._outgoing.message(request.state.caller, name, _account(request), command_id, data)

    def _show(self, request: Request, status: int = 200, **values: Any) -> Response:
        name = request.path_params["command"]
        return self._pages.show(
            request,
            "command.html",
            status,
            account_id=_account(request),
            command=name,
            meaning=COMMANDS[name].meaning,
            fields=fields_of(name),
            **values,
        )


def _account(request: Request) -> str:
    return unquote(request.path_params["account_id"])
