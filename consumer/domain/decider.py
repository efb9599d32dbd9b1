"""Every command, decided: what a contract, a command and a moment make.

Whatever the command, what is due at its moment happens first, even if the command is then refused: so
the outcome never depends on when the scanner ran. What the command then does is in consumer/domain/commands/,
a file for each. After a decision nothing is due.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from consumer.domain.commands.table import HANDLERS
from consumer.domain.handlers import Case
from consumer.domain.lifecycle import Moment, apply_due

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from consumer.domain.model import Command, Decision, Policy
    from schemas.contract import Contract


NOBODY: Final[Mapping[str, str]] = MappingProxyType({})


def decide(
    contract: Contract | None,
    command: Command,
    now: datetime,
    policy: Policy,
    holders: Mapping[str, str] = NOBODY,
) -> Decision:
    """What `command` does to the account's contract.

    Args:
        contract: the account's current one, None if there is none.
        command: has passed its schema.
        now: the timestamp of the command's record. A contract's time never runs backwards: where
            the log's does, the contract's last moment counts.
        policy: what a new contract copies.
        holders: whose the contract ids are that a new contract might bring.
    """
    moment = _moment(contract, command, now)
    present, due = (None, []) if contract is None else apply_due(contract, moment)
    return HANDLERS[command.name].decide(Case(present, command, moment, tuple(due), policy, holders))


def _moment(contract: Contract | None, command: Command, now: datetime) -> Moment:
    by = command.data.get("requested_by", command.source)
    latest = now if contract is None else max(now, contract["lifecycle"]["at"])
    return Moment(latest, by, command.offset, now)
