"""Every command, decided: what a contract, a command and a moment make.

Whatever the command, what is due at its moment happens first; so the outcome never depends on when
the scanner ran. Then come the checks, in the order of the rejection codes; then the effect, and what
is due because of it. After a decision nothing is due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.domain import openings
from consumer.domain.effects import EFFECTS
from consumer.domain.lifecycle import Moment, came_to_lapse, evolve, opened, settle
from consumer.domain.model import Applied, Changed, Decision, Rejected, Unchanged
from consumer.domain.states import ENDED, accepts

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.effects import Effect
    from consumer.domain.model import Command, Event, Outcome, Policy
    from schemas.contract import Contract

_APPLIED = Applied()


def decide(contract: Contract | None, command: Command, now: datetime, policy: Policy) -> Decision:
    """What `command`, recorded at `now`, does to the account's contract.

    `now` is the record's timestamp: time never runs backwards for a contract, whatever the log says.
    """
    by = command.data.get("requested_by", command.source)
    if contract is None:
        return _without_contract(command, now, Moment(now, by, command.offset), policy)
    moment = Moment(max(now, contract["lifecycle"]["at"]), by, command.offset)
    present, events = settle(contract, moment)
    if command.name == "advance":
        return Decision(_advanced(present, command, events), present, tuple(events))
    if command.name in ("create", "adopt"):
        return _replace(present, command, now, moment, policy, events)
    if refusal := _refusal(present, command):
        return Decision(refusal, present, tuple(events))
    effect = EFFECTS[command.name](present, command.data, moment)
    if isinstance(effect, Unchanged | Rejected):
        return Decision(effect, present, tuple(events))
    return _applied(present, effect, moment, events)


def _applied(present: Contract, effect: Effect, moment: Moment, events: list[Event]) -> Decision:
    if effect.change == "deleted":
        deleted = Changed("deleted", present, present["version"] + 1, (), moment.now, moment.by)
        return Decision(_APPLIED, None, (*events, deleted), former=present)
    after, changed = evolve(present, effect.contract, effect.change, moment)
    after, expiring = came_to_lapse(present, after, moment.now)
    after, due = settle(after, moment)
    return Decision(_APPLIED, after, (*events, changed, *expiring, *due))


def _without_contract(command: Command, now: datetime, moment: Moment, policy: Policy) -> Decision:
    if command.name == "advance":
        return Decision(Unchanged("the account has no contract"), None)
    if command.name not in ("create", "adopt"):
        return Decision(Rejected("contract_not_found", "the account has no contract"), None)
    return _open(None, command, now, moment, policy, [])


def _replace(
    present: Contract, command: Command, now: datetime, moment: Moment, policy: Policy, events: list[Event]
) -> Decision:
    if present["status"] not in ENDED:
        message = f"the account has contract {present['contract_id']}, which is {present['status']}"
        return Decision(Rejected("contract_exists", message), present, tuple(events))
    return _open(present, command, now, moment, policy, events)


def _open(
    former: Contract | None,
    command: Command,
    now: datetime,
    moment: Moment,
    policy: Policy,
    events: list[Event],
) -> Decision:
    if refusal := _opening_refusal(command):
        return Decision(refusal, former, tuple(events))
    if command.name == "adopt":
        return Decision(Rejected("invalid_terms", "adopt is not built yet"), former, tuple(events))
    opening = openings.create(command, now, moment, policy)
    if isinstance(opening, Rejected):
        return Decision(opening, former, tuple(events))
    contract, created = opened(opening, "created", moment)
    contract, due = settle(contract, moment)
    return Decision(_APPLIED, contract, (*events, created, *due), former=former)


def _opening_refusal(command: Command) -> Rejected | None:
    if command.name == "create" and "contract_id" in command.data:
        return Rejected("contract_id_mismatch", "a new contract gets its id from the service: leave it out")
    if command.data.get("expected_version", 0) != 0:
        return Rejected("version_conflict", "a new contract has no version yet: expect 0, or nothing")
    return None


def _refusal(present: Contract, command: Command) -> Rejected | None:
    """The checks that all commands on a contract share, in the order of the codes."""
    data = command.data
    if "contract_id" in data and data["contract_id"] != present["contract_id"]:
        return Rejected("contract_id_mismatch", f"the account's contract is {present['contract_id']}")
    if "expected_version" in data and data["expected_version"] != present["version"]:
        return Rejected("version_conflict", f"the contract is at version {present['version']}")
    if not accepts(present["status"], command.name):
        message = f"{command.name} is not possible: the contract is {present['status']}"
        return Rejected("invalid_transition", message)
    return None


def _advanced(present: Contract, command: Command, events: list[Event]) -> Outcome:
    if command.data["contract_id"] != present["contract_id"]:
        return Unchanged("the account has another contract by now")
    return _APPLIED if events else Unchanged("nothing was due")
