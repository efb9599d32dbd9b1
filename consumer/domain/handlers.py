"""What a command is to the domain: which statuses take it, and what it does to the contract it meets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Decision, Event, Policy
    from schemas.contract import Contract
    from schemas.types import StatusName


class Move(NamedTuple):
    """A status that takes a command, and the one it leads to; None: there is no contract before or after."""

    source: StatusName | None
    target: StatusName | None
    when: str = ""


class Case(NamedTuple):
    """What a command meets: the account's contract, if there is one, with all done that was due on it."""

    contract: Contract | None
    command: Command
    moment: Moment
    due: tuple[Event, ...]
    """What that told: part of every decision."""
    policy: Policy
    holders: Mapping[str, str]
    """Whose the contract ids are that a new contract might bring."""


class Handler(NamedTuple):
    """One command.

    `opens`: it makes a contract; `brings_id`: under the id that its data gives, if it gives one.
    `erases`: it takes personal data out of the account's past, too. Who asked for that stays known.
    """

    moves: tuple[Move, ...]
    decide: Callable[[Case], Decision]
    opens: bool = False
    brings_id: bool = False
    erases: bool = False
