"""Decides a command: from a contract, a command and a time to a new contract and its events.

What is due at that time is applied first, even if the command is then rejected. So the outcome does not
depend on when the scanner ran. What each command does is in consumer/domain/commands/, one file for each.
After a command nothing is due.
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

    from consumer.domain.model import Command, Policy, Verdict
    from schemas.contract import Contract


NOBODY: Final[Mapping[str, str]] = MappingProxyType({})


def decide(
    contract: Contract | None,
    command: Command,
    now: datetime,
    policy: Policy,
    holders: Mapping[str, str] = NOBODY,
) -> Verdict:
    """What `command` does to the account's contract.

    Args:
        contract: the account's current one, None if there is none.
        command: has passed its schema.
        now: the timestamp of the command's record. The time of a contract never goes back: if this one is
            earlier than its last change, that one is used.
        policy: the defaults of a new contract, and the templates of the plans.
        holders: which account has each contract id that the command may bring.
    """
    moment = _moment(contract, command, now, policy)
    present, due = (None, []) if contract is None else apply_due(contract, moment)
    return HANDLERS[command.name].decide(Case(present, command, moment, tuple(due), policy, holders))


def _moment(contract: Contract | None, command: Command, now: datetime, policy: Policy) -> Moment:
    by = command.data.get("requested_by", command.source)
    latest = now if contract is None else max(now, contract["lifecycle"]["at"])
    return Moment(latest, by, command.offset, now, policy.catalogue, command.identity)
