"""What the decider needs to know of a command: the statuses that take it, and its effect on a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Event, Policy, Verdict
    from schemas.contract import Contract
    from schemas.types import StatusName


class Move(NamedTuple):
    """A status that takes a command, and the status that it leads to; None: no contract before or after."""

    source: StatusName | None
    target: StatusName | None
    when: str = ""


class Case(NamedTuple):
    """What a command is applied to: the account's contract, if it has one, after everything that was due."""

    contract: Contract | None
    command: Command
    moment: Moment
    due: tuple[Event, ...]
    """The events of what was due: part of every verdict on the command."""
    policy: Policy
    holders: Mapping[str, str]
    """The account of each contract id that the command may bring."""


class Handler(NamedTuple):
    """One command.

    `opens`: it makes a contract; `brings_id`: under the id that its data gives, if it gives one.
    `erases`: it also removes personal data from former contracts and history, except who requested that.
    """

    moves: tuple[Move, ...]
    decide: Callable[[Case], Verdict]
    opens: bool = False
    brings_id: bool = False
    erases: bool = False
