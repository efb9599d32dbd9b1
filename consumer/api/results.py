"""What became of a command, and what would become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Protocol
from uuid import uuid4

from fastapi import Path, Query, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from consumer.api.auth import Asking
from consumer.api.bodies import Asked, IfMatch, message_of
from consumer.api.log import AtLeast
from consumer.api.problems import Problem
from consumer.api.reads import AccountPath, decoded, document
from consumer.api.shown import shown_contract, shown_event, shown_fields, withheld
from schemas.identity import IDENTITY_BYTES, command_identity
from schemas.types import Instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from consumer.api.log import Progress
    from consumer.api.tokens import Caller
    from consumer.reading.preview import ContractPreview, Preview
    from consumer.storage.protocols import Seen
    from schemas.commands import CommandSpec
    from schemas.contract import ContractState

CommandId = Annotated[
    str, BeforeValidator(decoded), Path(min_length=1, max_length=1_000, description="The `Idempotency-Key`.")
]


class History(Protocol):
    """Knows which commands were applied."""

    async def seen(self, identities: Collection[bytes]) -> Mapping[bytes, Seen]:
        """Those of these commands that the history has."""


class Results:
    """The end point of results.

    Args:
        history: of commands.
        progress: how far the database has come in the log.
    """

    def __init__(self, history: History, progress: Progress) -> None:
        self._history = history
        self._progress = progress

    async def of_command(
        self,
        account_id: AccountPath,
        command_id: CommandId,
        caller: Asking,
        source: Annotated[
            str | None,
            Query(max_length=1_000, description="Who sent it: its `ce_source`. Default: this token."),
        ] = None,
        at_least: AtLeast = None,
    ) -> Response:
        """What became of a command: 404 while it is not applied, or when it was never sent."""
        headers = await self._progress.reached(at_least, account_id)
        sender = source or caller.source
        identity = command_identity(account_id, sender, command_id)[:IDENTITY_BYTES]
        found = (await self._history.seen([identity])).get(identity)
        if found is None:
            raise Problem("result_not_found", "it is not applied yet, or was not sent", headers=headers)
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
    """End points that tell what a command would do; nothing is published.

    Args:
        preview: foresees.
        max_bytes: larger bodies are refused.
    """

    def __init__(self, preview: ContractPreview, *, max_bytes: int) -> None:
        self._preview = preview
        self._max_bytes = max_bytes

    def endpoint(self, spec: CommandSpec) -> Callable[..., Awaitable[Response]]:
        """The end point of one command."""

        async def preview(
            request: Request,
            account_id: AccountPath,
            caller: Asking,
            at: Annotated[Instant | None, Query(description="A moment to come. Default: now.")] = None,
            if_match: IfMatch = None,
        ) -> Response:
            asked = Asked(spec, account_id, caller, str(uuid4()), if_match)
            message = await message_of(request, asked, self._max_bytes)
            return _shown(await self._preview.command(message, at), caller)

        return preview


def _shown(found: Preview, caller: Caller) -> Response:
    def contract(state: ContractState | None) -> dict[str, Any] | None:
        return None if state is None else shown_contract(state, caller)

    told = {
        **found.as_data(),
        "before": contract(found.before),
        "after": contract(found.after),
        "due": [shown_event(each, caller) for each in found.due],
        "events": [shown_event(each, caller) for each in found.events],
        "changed_fields": shown_fields(found.changed_fields, caller),
    }
    return document(told, withheld(caller))
