"""Commands that create a contract: for an account that has none, or whose contract has ended."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from consumer.domain.first_state import contract_id_of
from consumer.domain.handlers import Handler
from consumer.domain.lifecycle import apply_due, noted
from consumer.domain.model import Applied, Changed, Rejected, Verdict
from consumer.domain.recurring import revenue_between, with_mark
from consumer.domain.size import too_large
from consumer.domain.statuses import ENDED
from consumer.domain.totals import too_long_total

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from consumer.domain.handlers import Case, Move
    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Policy
    from schemas.contract import Contract
    from schemas.events import Change


class _Rule(NamedTuple):
    opened: Callable[[Command, Moment, Policy], Contract | Rejected]
    change: Change
    brings_id: bool


def opening(
    opened: Callable[[Command, Moment, Policy], Contract | Rejected],
    change: Change,
    *moves: Move,
    brings_id: bool = False,
) -> Handler:
    """A command that makes a contract.

    Args:
        opened: the contract's first state, whole.
        change: what the event calls it.
        moves: the statuses that a new contract may have.
        brings_id: whether its data may give the contract's id; else the service makes it.
    """
    return Handler(moves, partial(_decide, _Rule(opened, change, brings_id)), opens=True, brings_id=brings_id)


def id_of(command: Command, recorded_at: datetime, *, brings_id: bool) -> str:
    """The id of the contract that a command opens."""
    given: str | None = command.data.get("contract_id") if brings_id else None
    return given or contract_id_of(command, recorded_at)


def _decide(rule: _Rule, case: Case) -> Verdict:
    former, command, moment, due, policy, holders = (
        case.contract,
        case.command,
        case.moment,
        case.due,
        case.policy,
        case.holders,
    )
    opened = _refusal(rule, former, command, moment, holders) or rule.opened(command, moment, policy)
    if isinstance(opened, Rejected):
        return Verdict(opened, former, due)
    revenue = revenue_between(former, opened)
    contract = noted(opened if revenue["after"] else with_mark(former, opened), moment)
    if refusal := too_large(contract) or too_long_total(None, contract, moment.catalogue):
        return Verdict(refusal, former, due)
    event = Changed(rule.change, contract, contract["version"], (), moment.now, moment.by, revenue)
    contract, late = apply_due(contract, moment)
    return Verdict(Applied(), contract, (*due, event, *late), former)


def _refusal(
    rule: _Rule, former: Contract | None, command: Command, moment: Moment, holders: Mapping[str, str]
) -> Rejected | None:
    contract_id = command.data.get("contract_id")
    if former and (former["status"] not in ENDED or former["contract_id"] == contract_id):
        message = f"the account's contract is {former['contract_id']}, {former['status']}"
        return Rejected("contract_exists", message)
    opened_id = id_of(command, moment.recorded_at, brings_id=rule.brings_id)
    if holders.get(opened_id, command.account_id) != command.account_id:
        return Rejected("contract_id_taken", "another account's contract has this contract_id")
    if not rule.brings_id and contract_id is not None:
        return Rejected("contract_id_mismatch", "a new contract gets its id from the service: leave it out")
    if command.data.get("expected_version", 0) != 0:
        return Rejected("version_conflict", "a new contract has no version yet: expect 0, or nothing")
    return None
