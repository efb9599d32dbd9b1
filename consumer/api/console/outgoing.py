"""Checks, previews and sends the commands of the console's forms, as the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.api.audit import audit
from consumer.api.bodies import Asked, checked_message
from consumer.api.console.drawn import differences
from consumer.api.problems import Problem
from consumer.api.shown import shown_contract, shown_fields
from schemas.commands import COMMANDS
from schemas.digits import dump_exactly
from schemas.places import fields_at

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.api.log import Answered, CommandLog
    from consumer.api.tokens import Caller
    from consumer.errors import InputRefused
    from consumer.reading.preview import ContractPreview, Preview
    from producers.messages import CommandMessage


class Foreseen(NamedTuple):
    """The preview of a command, and the fields that it would change: name, before, after."""

    preview: Preview
    differences: list[tuple[str, str, str]]

    def held(self, name: str, data: dict[str, Any]) -> str:
        """The data as JSON, with the contract id and version of the preview unless it has its own."""
        version, before = self.preview.expected_version, self.preview.before
        set_by_preview: dict[str, Any] = {}
        if version is not None and "expected_version" in fields_at(COMMANDS[name].type, ()):
            set_by_preview["expected_version"] = version
            if before is not None:  # the next contract may have the same version
                set_by_preview["contract_id"] = before["contract_id"]
        return dump_exactly(set_by_preview | data).decode()


class Outgoing:
    """Checks, previews and sends commands for the pages.

    Args:
        preview: computes previews.
        commands: publishes commands.
        max_bytes: larger data is refused.
        max_wait: how long a page waits for a result, in seconds.
    """

    def __init__(
        self, preview: ContractPreview, commands: CommandLog, *, max_bytes: int, max_wait: float
    ) -> None:
        self._preview = preview
        self._log = commands
        self._max_bytes = max_bytes
        self._max_wait = max_wait

    def message(
        self, caller: Caller, name: str, account_id: str, command_id: str, data: bytes
    ) -> CommandMessage:
        """The command with this JSON as its data; `requested_by` is the caller.

        Raises:
            Problem, InputRefused: the data, the account or the id is invalid.
        """
        asked = Asked(COMMANDS[name], account_id, caller, command_id, None)
        return checked_message(asked, data, self._max_bytes)

    async def foreseen(self, caller: Caller, message: CommandMessage, at: datetime | None = None) -> Foreseen:
        """The preview of a command at a time; None: now.

        Raises:
            InputRefused: the command would be a dead letter, or the time is past or too far.
        """
        preview = await self._preview.command(message, at)
        before, after = (each and shown_contract(each, caller) for each in (preview.before, preview.after))
        return Foreseen(preview, differences(before, after, shown_fields(preview.changed_fields, caller)))

    async def send(self, caller: Caller, message: CommandMessage, **why: object) -> Answered:
        """Publishes a command and waits for its result. `why` is added to the audit line."""

        def note(**how: object) -> None:
            audit(
                "a command was sent from the console",
                caller,
                message.account_id,
                message.name,
                message.command_id,
                **how,
                **why,
            )

        try:
            answered = await self._log.put(message, self._max_wait)
        except Exception as error:  # the command may be in the log anyway
            note(outcome=None, code=type(error).__name__)
            raise
        outcome = None if answered.result is None else answered.result.outcome
        note(outcome=outcome)
        return answered


def mistakes_of(error: Problem | InputRefused) -> dict[str, object]:
    """An error as values for the template of a form."""
    if isinstance(error, Problem):
        problem = error.document
        listed = [(each["path"], each["message"]) for each in problem.get("errors", ())]
        return {"problem": problem.get("detail") or problem["title"], "errors": listed}
    return {"problem": str(error), "errors": error.errors}
