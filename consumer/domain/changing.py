"""Commands on an existing contract: the checks that they share, and how their effect is applied."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from consumer.domain import limits
from consumer.domain.handlers import Handler
from consumer.domain.lifecycle import apply_due, evolve, repeated_notices
from consumer.domain.model import Applied, Changed, Rejected, Unchanged, Verdict
from consumer.domain.recurring import revenue_between
from consumer.domain.size import too_large
from consumer.domain.totals import too_long_total
from schemas.contract import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consumer.domain.handlers import Case, Move
    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Event
    from schemas.contract import Contract
    from schemas.events import Change

_NAMES_CONTRACT: Final = ("contract_id", "expected_version")
"""A command with one of these fields is for one contract only: it is rejected if the account has another."""


class Effect(NamedTuple):
    """The contract after the command, before its version and times are set."""

    change: Change
    contract: Contract


class Removal(NamedTuple):
    """The contract is deleted. Its last state and its history are kept."""

    change: Change
    reason: str | None


class Bookkeeping(NamedTuple):
    """The contract with other bookkeeping and the same version, and the events of that."""

    contract: Contract
    events: Sequence[Event]


Result = Effect | Removal | Bookkeeping | Unchanged | Rejected


class _Rule(NamedTuple):
    effect: Callable[[Contract, Any, Moment], Result]
    statuses: frozenset[str | None]
    content: tuple[str, ...]
    erases: bool


def on_contract(
    effect: Callable[[Contract, Any, Moment], Result],
    *moves: Move,
    content: tuple[str, ...] = (),
    erases: bool = False,
) -> Handler:
    """A command on the account's contract.

    Args:
        effect: what it does to a contract that takes it, given the command's data.
        moves: the statuses that take it. In others it is rejected with `invalid_transition`.
        content: the part of its data that can make the contract longer. Without it, the command is never
            rejected because of the contract's size.
        erases: its event names the changed fields without values, and the account's past is erased, too.
    """
    rule = _Rule(effect, frozenset(move.source for move in moves), content, erases)
    return Handler(moves, partial(_decide, rule), erases=erases)


def _decide(rule: _Rule, case: Case) -> Verdict:
    present, command, due = case.contract, case.command, case.due
    if present is None:
        return _without_contract(rule, command)
    if refusal := _refusal(rule, present, command):
        return Verdict(refusal, present, due)
    result = rule.effect(present, command.data, case.moment)
    match result:
        case Effect():
            return _changed(rule, case, present, result)
        case Removal():
            event = _removed(present, result, case.moment)
            return Verdict(Applied(), None, (*due, event), former=present)
        case Bookkeeping(contract, events):
            return Verdict(Applied(), contract, (*due, *events))
        case _:
            return Verdict(result, present, due)


def _without_contract(rule: _Rule, command: Command) -> Verdict:
    """Nothing to change. The account's former contracts and its history can still be erased."""
    if rule.erases and command.data.keys().isdisjoint(_NAMES_CONTRACT):
        return Verdict(Applied(), None, erases=True)
    return Verdict(Rejected("contract_not_found", "the account has no contract"), None)


def _refusal(rule: _Rule, present: Contract, command: Command) -> Rejected | None:
    data = command.data
    if data.get("contract_id", present["contract_id"]) != present["contract_id"]:
        return Rejected("contract_id_mismatch", f"the account's contract is {present['contract_id']}")
    if data.get("expected_version", present["version"]) != present["version"]:
        return Rejected("version_conflict", f"the contract is at version {present['version']}")
    if present["status"] not in rule.statuses:
        message = f"{command.name} is not possible: the contract is {present['status']}"
        return Rejected("invalid_transition", message)
    return None


def _changed(rule: _Rule, case: Case, present: Contract, effect: Effect) -> Verdict:
    data, moment = case.command.data, case.moment
    added = sum(len(to_json(data[name])) for name in rule.content if name in data)
    after, changed = evolve(
        present, effect.contract, effect.change, moment, added=added, withhold=rule.erases
    )
    refusal = (too_large(after) if added else None) or too_long_total(present, after, moment.catalogue)
    if refusal:
        return Verdict(refusal, present, case.due)
    after, repeated = repeated_notices(present, after, moment)
    after, reached = limits.measured_again(present, after, moment.now, moment)
    after, late = apply_due(after, moment)
    return Verdict(Applied(), after, (*case.due, changed, *repeated, *reached, *late), erases=rule.erases)


def _removed(present: Contract, removal: Removal, moment: Moment) -> Changed:
    version, revenue = present["version"] + 1, revenue_between(present, None)
    return Changed(removal.change, present, version, (), moment.now, moment.by, revenue, removal.reason)
