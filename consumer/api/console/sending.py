"""The pages that send a command: filled in, previewed, sent."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

import orjson
import structlog

from consumer.api.console.drawn import differences
from consumer.api.console.forms import data_of, fields_of
from consumer.api.console.roles import ROLES
from consumer.api.shown import shown_contract
from consumer.errors import InputRefused
from producers.messages import unchecked_message
from schemas.commands import COMMANDS
from schemas.digits import dump_exactly, read_exactly
from schemas.places import fields_at

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.console.rendering import Pages
    from consumer.api.log import CommandLog
    from consumer.api.tokens import Caller
    from consumer.reading.preview import ContractPreview
    from producers.messages import CommandMessage

log = structlog.get_logger()


class CommandPages:
    """A command's form, its preview, and what became of it.

    Args:
        max_wait_seconds: how long a page waits for the result.
    """

    def __init__(
        self, preview: ContractPreview, commands: CommandLog, pages: Pages, max_wait_seconds: float
    ) -> None:
        self._preview = preview
        self._log = commands
        self._pages = pages
        self._max_wait = max_wait_seconds

    async def form(self, request: Request) -> Response:
        """The empty form, with a new command id: sent twice, the second is a duplicate."""
        refused = self._refused(request)
        return refused or self._show(request, filled={}, command_id=str(uuid4()))

    async def answer(self, request: Request) -> Response:
        """The preview of what was filled in, or the result of what was sent."""
        if refused := self._refused(request):
            return refused
        form: dict[str, str] = request.state.form
        command_id = form.get("command_id") or str(uuid4())
        try:
            if form.get("do") == "send":
                return await self._send(request, command_id, form.get("data", ""))
            return await self._foresee(request, command_id, form)
        except InputRefused as error:
            return self._show(
                request, 400, filled=form, command_id=command_id, problem=str(error), errors=error.errors
            )

    def _refused(self, request: Request) -> Response | None:
        caller: Caller = request.state.caller
        role = ROLES.get(request.path_params["command"])
        if role is None:
            return self._pages.error(
                request, 404, "There is no such command", "The contract's page lists them."
            )
        if not caller.may(role):
            return self._pages.error(request, 403, "Not allowed", f"This needs a token of the role {role}.")
        return None

    async def _foresee(self, request: Request, command_id: str, form: dict[str, str]) -> Response:
        name = request.path_params["command"]
        data = data_of(name, form)
        preview = await self._preview.command(self._message(request, command_id, data))
        if preview.expected_version is not None and "expected_version" in fields_at(COMMANDS[name].type, ()):
            data["expected_version"] = preview.expected_version
        caller: Caller = request.state.caller
        text = dump_exactly(data).decode()
        account_id = _account(request)
        return self._show(
            request,
            filled=form,
            command_id=command_id,
            preview=preview,
            differences=differences(
                *(each and shown_contract(each, caller) for each in (preview.before, preview.after))
            ),
            data=text,
            command_line=f"contracts publish {name} {quote(account_id)} --data {quote(text)} --wait",
        )

    async def _send(self, request: Request, command_id: str, text: str) -> Response:
        try:
            data = read_exactly(text.encode())
        except orjson.JSONDecodeError:
            raise InputRefused("the form was changed on its way: fill it in again") from None
        message = self._message(request, command_id, data)
        sent, result = await self._log.put(message, self._max_wait)
        caller: Caller = request.state.caller
        log.info(
            "a command was sent from the console",
            asked_by=caller.name,
            role=caller.role,
            account_id=message.account_id,
            what=message.name,
            command_id=command_id,
            outcome=None if result is None else result.outcome,
        )
        return self._show(request, filled={}, command_id=command_id, sent=sent, result=result)

    def _message(self, request: Request, command_id: str, data: dict[str, Any]) -> CommandMessage:
        caller: Caller = request.state.caller
        return unchecked_message(
            request.path_params["command"],
            _account(request),
            dump_exactly({**data, "requested_by": caller.name[:128]}),
            source=caller.source,
            command_id=command_id,
        )

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
