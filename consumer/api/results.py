"""End points for the result of a command, and for previews of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

from fastapi import Path, Query, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from consumer.api.auth import Asking
from consumer.api.bodies import Asked, IdempotencyKey, IfMatch, message_of
from consumer.api.log import AtLeast
from consumer.api.problems import Problem
from consumer.api.reads import AccountPath, decoded, document
from consumer.api.shown import shown_contract, shown_event, shown_fields, withheld
from schemas.types import Instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from consumer.api.log import Progress
    from consumer.api.tokens import Caller
    from consumer.reading.preview import ContractPreview, Preview
    from consumer.reading.reader import ContractReader
    from consumer.storage.history import Seen
    from schemas.commands import CommandSpec
    from schemas.contract import ContractState

CommandId = Annotated[
    str, BeforeValidator(decoded), Path(min_length=1, max_length=1_000, description="The `Idempotency-Key`.")
]


class Results:
    """The end point for results.

    Args:
        reader: of contracts.
        progress: the positions that the database has reached.
    """

    def __init__(self, reader: ContractReader, progress: Progress) -> None:
        self._reader = reader
        self._progress = progress

    async def of_command(
        self,
        account_id: AccountPath,
        command_id: CommandId,
        caller: Asking,
        source: Annotated[
            str | None,
            Query(
                max_length=1_000, description="`ce_source` of the command. Default: the source of this token."
            ),
        ] = None,
        at_least: AtLeast = None,
    ) -> Response:
        """The result of a command: 404 if the command is not applied yet, or was never sent."""
        headers = await self._progress.reached(at_least, account_id)
        sender = source or caller.source
        found = await self._reader.outcome(account_id, command_id, sender)
        if found is None:
            raise Problem(
                "result_not_found", "the command is not applied yet, or was never sent", headers=headers
            )
        return document(_described(account_id, command_id, sender, found), headers)


def _described(account_id: str, command_id: str, source: str, found: Seen) -> dict[str, Any]:
    result: dict[str, Any] = {"outcome": found.outcome, "code": found.code}
    result |= {"contract_id": found.contract_id, "version": found.version}
    return {
        "command": {"id": command_id, "source": source},
        "account_id": account_id,
        "result": {name: value for name, value in result.items() if value is not None},
    }


class Previews:
    """End points that show what a command would do. They publish nothing.

    Args:
        preview: computes the previews.
        progress: the positions that the database has reached.
        max_bytes: larger bodies are refused.
    """

    def __init__(self, preview: ContractPreview, progress: Progress, *, max_bytes: int) -> None:
        self._preview = preview
        self._progress = progress
        self._max_bytes = max_bytes

    def endpoint(self, spec: CommandSpec) -> Callable[..., Awaitable[Response]]:
        """The end point of one command."""

        async def preview(
            request: Request,
            account_id: AccountPath,
            caller: Asking,
            at: Annotated[Instant | None, Query(description="Time of the preview. Default: now.")] = None,
            idempotency_key: IdempotencyKey = None,
            if_match: IfMatch = None,
            at_least: AtLeast = None,
        ) -> Response:
            asked = Asked(spec, account_id, caller, idempotency_key or str(uuid4()), if_match)
            message = await message_of(request, asked, self._max_bytes)
            headers = await self._progress.reached(at_least, account_id)
            return _shown(await self._preview.command(message, at), caller, headers)

        return preview


def _shown(found: Preview, caller: Caller, headers: Mapping[str, str]) -> Response:
    def contract(state: ContractState | None) -> dict[str, Any] | None:
        return None if state is None else shown_contract(state, caller)

    body = {
        **found.as_data(),
        "before": contract(found.before),
        "after": contract(found.after),
        "due": [shown_event(each, caller) for each in found.due],
        "events": [shown_event(each, caller) for each in found.events],
        "changed_fields": shown_fields(found.changed_fields, caller),
    }
    return document(body, {**headers, **withheld(caller)})
