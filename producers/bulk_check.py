"""The dry run of an import: the checks of its rows that need no stored contract."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from consumer.domain.commands.table import OPENING
from consumer.domain.decider import decide
from consumer.domain.model import Command, Rejected
from consumer.domain.statuses import ENDED
from producers.bulk_report import RefusedRow
from schemas.commands import COMMANDS

if TYPE_CHECKING:
    from consumer.domain.model import Policy
    from producers.messages import CommandMessage
    from schemas.contract import Contract

_MAKES_ROOM: Final = ("cancel", "delete")
"""Commands after which an account may get a new contract."""


class DryRun:
    """Opens new contracts as the service would, and remembers which accounts have one.

    Args:
        policy: the defaults of new contracts.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._now = datetime.now(UTC)
        self._places: dict[str, str] = {}
        """For each account, the row that opened its contract: a second one would be rejected."""
        self._holders: dict[str, str] = {}
        """The account of each contract id in the rows."""

    def look(self, place: str, message: CommandMessage) -> RefusedRow | None:
        """Why the service would reject a row's command, as far as that is known without stored contracts."""
        if message.name in OPENING:
            return self._open(place, message)
        if message.name in _MAKES_ROOM:
            self._places.pop(message.account_id, None)
        return None

    def _open(self, place: str, message: CommandMessage) -> RefusedRow | None:
        if earlier := self._places.get(message.account_id):
            why = f"the account already has a contract, from row {earlier}"
            return RefusedRow(place, why, "contract_exists")
        verdict = decide(None, _command(message), self._now, self._policy, self._holders)
        if isinstance(verdict.outcome, Rejected):
            return _refused(place, verdict.outcome)
        if verdict.contract is not None:
            self._note(place, verdict.contract)
        return None

    def _note(self, place: str, contract: Contract) -> None:
        account = contract["account_id"]
        self._holders[contract["contract_id"]] = account
        if contract["status"] not in ENDED:
            self._places[account] = place


def _command(message: CommandMessage) -> Command:
    data = COMMANDS[message.name].adapter.validate_json(message.value)
    identity = sha256(message.command_id.encode()).digest()
    named = (message.name, message.account_id, data, identity, message.source, message.command_id)
    return Command(*named, offset=0)


def _refused(place: str, outcome: Rejected) -> RefusedRow:
    errors = tuple((each["path"], each["message"]) for each in outcome.errors)
    return RefusedRow(place, outcome.message, outcome.code, errors)
