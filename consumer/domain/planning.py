"""What a command schedules for the end of the term, and takes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.domain.changing import Effect
from consumer.domain.model import Unchanged
from consumer.domain.schedule import scheduled, with_scheduled, without_scheduled

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from schemas.contract import Contract
    from schemas.events import Change
    from schemas.parts import ScheduledChange


def plan(contract: Contract, change: ScheduledChange, told: Change) -> Result:
    """The contract with the change scheduled; `told` is what the event calls that."""
    planned = scheduled(contract, change["kind"])
    if planned and _same(planned, change):
        return Unchanged("exactly this is already scheduled")
    return Effect(told, with_scheduled(contract, change))


def _same(planned: ScheduledChange, change: ScheduledChange) -> bool:
    """Whether both do the same, whoever asked for it and when."""
    asked = {"requested_by": change["requested_by"], "requested_at": change["requested_at"]}
    return {**planned, **asked} == change


def take_back(contract: Contract, kind: str, told: Change) -> Result:
    """The contract without the scheduled change of a kind; `told` is what the event calls that."""
    if not scheduled(contract, kind):
        return Unchanged("nothing of the kind is scheduled")
    return Effect(told, contract | {"scheduled_changes": without_scheduled(contract, kind)})
