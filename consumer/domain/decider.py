"""Every command, decided: what a contract, a command and a moment make.

Whatever the command, what is due at its moment happens first, even if the command is then refused: so
the outcome never depends on when the scanner ran. Then come the checks, in the order of the rejection
codes, then the effect, then what is due because of it. After a decision nothing is due.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from consumer.domain.effects import EFFECTS, Effect
from consumer.domain.lifecycle import Moment, evolve, noted, settle, told_at_once
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.model import Applied, Changed, Decision, Rejected, Unchanged
from consumer.domain.openings import OPENINGS, opened_id
from consumer.domain.states import ENDED, accepts
from schemas.contract import MAX_CONTRACT_BYTES, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from consumer.domain.model import Command, Event, Outcome, Policy
    from schemas.contract import Contract
    from schemas.events import Change


NOBODY: Final[Mapping[str, str]] = MappingProxyType({})

_CONTENT: Final = ("changes", "overrides", "reason")
"""What can make a contract longer. A command without it is never refused for the contract's size."""


_NAMES_CONTRACT: Final = ("contract_id", "expected_version")
"""With these a command means one contract, and no other."""


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
    present, due = (None, []) if contract is None else settle(contract, moment)
    match command.name:
        case "advance":
            return Decision(_advanced(present, command, due), present, tuple(due))
        case "create" | "adopt":
            return _open(present, command, moment, policy, due, holders)
        case _:
            return _change(present, command, moment, due)


def _moment(contract: Contract | None, command: Command, now: datetime) -> Moment:
    by = command.data.get("requested_by", command.source)
    latest = now if contract is None else max(now, contract["lifecycle"]["at"])
    return Moment(latest, by, command.offset, now)


def _advanced(present: Contract | None, command: Command, due: list[Event]) -> Outcome:
    if present is None:
        return Unchanged("the account has no contract any more")
    if command.data["contract_id"] != present["contract_id"]:
        return Unchanged("the account has another contract by now")
    return Applied() if due else Unchanged("nothing was due")


def _change(present: Contract | None, command: Command, moment: Moment, due: list[Event]) -> Decision:
    """A command on a contract that is there."""
    if present is None:
        return _without_contract(command)
    if refusal := _refusal(present, command):
        return Decision(refusal, present, tuple(due))
    if command.name == "delete":
        return Decision(Applied(), None, (*due, _deleted(present, command, moment)), former=present)
    effect = EFFECTS[command.name](present, command.data, moment)
    if not isinstance(effect, Effect):
        return Decision(effect, present, tuple(due))
    return _changed(present, command, effect, moment, due)


def _deleted(present: Contract, command: Command, moment: Moment) -> Changed:
    reason = command.data.get("reason")
    return Changed("deleted", present, present["version"] + 1, (), moment.now, moment.by, reason)


def _without_contract(command: Command) -> Decision:
    """Nothing to change; but an account's former contracts and its history can still be erased."""
    if command.name == "erase" and command.data.keys().isdisjoint(_NAMES_CONTRACT):
        return Decision(Applied(), None, erases=True)
    return Decision(Rejected("contract_not_found", "the account has no contract"), None)


def _refusal(present: Contract, command: Command) -> Rejected | None:
    """The checks that all commands on a contract share."""
    data = command.data
    if data.get("contract_id", present["contract_id"]) != present["contract_id"]:
        return Rejected("contract_id_mismatch", f"the account's contract is {present['contract_id']}")
    if data.get("expected_version", present["version"]) != present["version"]:
        return Rejected("version_conflict", f"the contract is at version {present['version']}")
    if not accepts(present["status"], command.name):
        message = f"{command.name} is not possible: the contract is {present['status']}"
        return Rejected("invalid_transition", message)
    return None


def _changed(
    present: Contract, command: Command, effect: Effect, moment: Moment, due: list[Event]
) -> Decision:
    added = sum(len(to_json(command.data[name])) for name in _CONTENT if name in command.data)
    after, changed = evolve(present, effect.contract, effect.change, moment, added=added)
    if added and (too_large := _too_large(after)):
        return Decision(too_large, present, tuple(due))
    after, told = told_at_once(present, after, moment.now)
    after, late = settle(after, moment)
    events = (*due, changed, *told, *late)
    return Decision(Applied(), after, events, erases=effect.change == "erased")


def _open(
    former: Contract | None,
    command: Command,
    moment: Moment,
    policy: Policy,
    due: list[Event],
    holders: Mapping[str, str],
) -> Decision:
    """A new contract, in the place of one that has ended."""
    opened = _opening_refusal(former, command, moment, holders) or OPENINGS[command.name](
        command, moment, policy
    )
    if isinstance(opened, Rejected):
        return Decision(opened, former, tuple(due))
    contract = noted(opened, moment)
    if too_large := _too_large(contract):
        return Decision(too_large, former, tuple(due))
    change: Change = "created" if command.name == "create" else "adopted"
    event = Changed(change, contract, contract["version"], (), moment.now, moment.by)
    contract, late = settle(contract, moment)
    return Decision(Applied(), contract, (*due, event, *late), former)


def _opening_refusal(
    former: Contract | None, command: Command, moment: Moment, holders: Mapping[str, str]
) -> Rejected | None:
    contract_id = command.data.get("contract_id")
    if former and (former["status"] not in ENDED or former["contract_id"] == contract_id):
        message = f"the account's contract is {former['contract_id']}, {former['status']}"
        return Rejected("contract_exists", message)
    if _is_taken(opened_id(command, moment.recorded_at), command, holders):
        return Rejected("contract_id_taken", "another account's contract has this contract_id")
    if command.name == "create" and contract_id is not None:
        return Rejected("contract_id_mismatch", "a new contract gets its id from the service: leave it out")
    if command.data.get("expected_version", 0) != 0:
        return Rejected("version_conflict", "a new contract has no version yet: expect 0, or nothing")
    return None


def _is_taken(contract_id: str, command: Command, holders: Mapping[str, str]) -> bool:
    return holders.get(contract_id, command.account_id) != command.account_id


def _too_large(contract: Contract) -> Rejected | None:
    size = contract["lifecycle"]["size"]
    if size <= MAX_CONTRACT_BYTES:
        return None
    message = f"the contract would have {size:,} bytes as JSON, and may have {MAX_CONTRACT_BYTES:,}"
    return rejected("invalid_terms", [mistake(message)])
