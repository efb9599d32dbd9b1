"""What `change_plan` and `cancel` schedule, at most one change each, and how it is withdrawn.

The id of such a change is its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer.domain.changing import Effect
from consumer.domain.conflicts import conflict, too_many
from consumer.domain.model import Unchanged
from consumer.domain.scheduling import begin_of, scheduled, with_scheduled, without_scheduled
from schemas.scheduled import RESERVED_IDS

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.contract import Contract
    from schemas.events import Change
    from schemas.scheduled import ChangeKind, ScheduledChange


def change_for(contract: Contract, kind: ChangeKind, term: int, moment: Moment, **what: Any) -> Any:
    """Such a change at the beginning of a term."""
    return {
        "change_id": kind,
        "kind": kind,
        "effective_at": begin_of(contract, term),
        "from_term": term,
        **what,
        "requested_by": moment.by,
        "requested_at": moment.now,
    }


def plan(contract: Contract, change: ScheduledChange, name: Change) -> Result:
    """The contract with the change scheduled; `name` is the `change` of its event.

    A plan change waits beside a cancellation of `cancel`, and counts again if that is withdrawn.
    """
    planned = scheduled(contract, change["change_id"])
    if planned and same(planned, change):
        return Unchanged("exactly this is already scheduled")
    others = [each for each in contract["scheduled_changes"] if _must_agree(change, each)]
    refusal = too_many(without_scheduled(contract, change["change_id"])) or conflict(change, others)
    return refusal or Effect(name, with_scheduled(contract, change))


def _must_agree(change: ScheduledChange, other: ScheduledChange) -> bool:
    """A cancellation of `cancel` only forbids a second one: what comes after it waits."""
    if other["change_id"] in RESERVED_IDS:
        return False
    return change["kind"] != "cancellation" or other["kind"] == "cancellation"


def same(planned: ScheduledChange, change: ScheduledChange) -> bool:
    """Whether two scheduled changes do the same, regardless of who requested them and when."""
    asked = {"requested_by": change["requested_by"], "requested_at": change["requested_at"]}
    return {**planned, **asked} == change


def take_back(contract: Contract, kind: ChangeKind, name: Change) -> Result:
    """The contract without the scheduled change of a kind. `name`: the `change` of its event."""
    if not scheduled(contract, kind):
        return Unchanged("nothing of the kind is scheduled")
    return Effect(name, contract | {"scheduled_changes": without_scheduled(contract, kind)})
