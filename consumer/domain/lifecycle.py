"""Time: what is due on a contract, in which order, and when to look again.

Whoever calls `settle` at whatever moments gets the same changes: each happens as of its due time.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from consumer.domain import notices
from consumer.domain.dates import add_months
from consumer.domain.differences import diff
from consumer.domain.model import Changed
from consumer.domain.schedule import scheduled, unscheduled, with_next_term
from consumer.domain.states import RUNNING
from consumer.domain.terms import with_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from consumer.domain.model import Event
    from schemas.contract import Contract, ScheduledChange
    from schemas.events import Change

TIME: Final = "lifecycle"
"""The author of changes that nobody asked for but that were due."""


class Moment(NamedTuple):
    """The command being decided, as its changes remember it."""

    now: datetime
    by: str
    offset: int


def settle(contract: Contract, moment: Moment) -> tuple[Contract, list[Event]]:
    """Everything that is due at `moment.now`, in order of due time."""
    events: list[Event] = []
    due = contract["lifecycle"]["next_action_at"]
    while due is not None and due <= moment.now:
        contract, happened = _next_step(contract, moment)
        events += happened
        due = contract["lifecycle"]["next_action_at"]
    return contract, events


def evolve(
    before: Contract, after: Contract, change: Change, moment: Moment, effective_at: datetime | None = None
) -> tuple[Contract, Changed]:
    """`after` as the contract's next version, and the event that says so."""
    version = before["version"] + 1
    contract = after | {
        "version": version,
        "updated_at": moment.now,
        "last_modified_by": moment.by,
        "lifecycle": after["lifecycle"]
        | {"offset": moment.offset, "at": moment.now, "next_action_at": next_action_at(after, moment.now)},
    }
    event = Changed(change, contract, version, diff(before, contract), effective_at or moment.now, moment.by)
    return contract, event


def opened(contract: Contract, change: Change, moment: Moment) -> tuple[Contract, Changed]:
    """A new contract, and the event that says so."""
    due = {"next_action_at": next_action_at(contract, moment.now)}
    contract = contract | {"lifecycle": contract["lifecycle"] | due}
    return contract, Changed(change, contract, contract["version"], (), moment.now, moment.by)


def came_to_lapse(before: Contract, after: Contract, now: datetime) -> tuple[Contract, list[Event]]:
    """The expiring event, at once, of a contract that comes to lapse inside a window noticed before."""
    window = after["lifecycle"]["noticed"]
    told = window is None or after["lifecycle"]["lapse_noticed"] == window
    if told or notices.lapses(before) or not notices.lapses(after):
        return after, []
    noticed = after["lifecycle"] | {"lapse_noticed": window}
    return after | {"lifecycle": noticed}, [notices.expiring(after, window, now, now)]


def next_action_at(contract: Contract, now: datetime) -> datetime | None:
    """When the contract next needs attention; None: never."""
    agenda = _agenda(contract, now)
    return min(agenda, key=_due)[0] if agenda else None


Step = Callable[["Contract", "datetime", Moment], "tuple[Contract, list[Event]]"] if TYPE_CHECKING else Any
_due: Final = itemgetter(0)


def _agenda(contract: Contract, now: datetime) -> list[tuple[datetime, Step]]:
    """What lies ahead. At the same instant things happen in the order of this list."""
    if contract["status"] not in RUNNING:
        return []
    agenda: list[tuple[datetime, Step]] = []
    if opening := notices.next_opening(contract, now):
        agenda.append((opening, _give_notice))
    if contract["status"] == "active":
        agenda.append((contract["renewal_date"], _open_window))
    if contract["scheduled_changes"] and (plan := _plan_change_ahead(contract)):
        agenda.append((plan["effective_at"], _change_plan))
    agenda.append((contract["end_date"], _end_term))
    return agenda


def _next_step(contract: Contract, moment: Moment) -> tuple[Contract, list[Event]]:
    due, step = min(_agenda(contract, moment.now), key=_due)
    return step(contract, due, moment)


def _plan_change_ahead(contract: Contract) -> ScheduledChange | None:
    """The scheduled plan change, unless the contract ends before it."""
    plan = scheduled(contract, "plan_change")
    if plan and (plan["effective_at"] < contract["end_date"] or not notices.lapses(contract)):
        return plan
    return None


def _give_notice(contract: Contract, due: datetime, moment: Moment) -> tuple[Contract, list[Event]]:
    events = notices.crossing(contract, due, moment.now)
    window = notices.most_urgent(contract, moment.now)
    noticed = {"noticed": window, "lapse_noticed": window if notices.lapses(contract) else None}
    contract = contract | {"lifecycle": contract["lifecycle"] | noticed}
    stamp = {
        "offset": moment.offset,
        "at": moment.now,
        "next_action_at": next_action_at(contract, moment.now),
    }
    return contract | {"lifecycle": contract["lifecycle"] | stamp}, events


def _open_window(contract: Contract, due: datetime, moment: Moment) -> tuple[Contract, list[Event]]:
    return _by_time(contract, contract | {"status": "pending_renewal"}, "renewal_started", due, moment)


def _change_plan(contract: Contract, due: datetime, moment: Moment) -> tuple[Contract, list[Event]]:
    plan = cast("ScheduledChange", scheduled(contract, "plan_change"))
    after = with_plan(contract, plan["contract_type"], plan.get("overrides", {}))
    after = after | {"scheduled_changes": unscheduled(contract, "plan_change")}
    return _by_time(contract, after, "plan_changed", due, moment)


def _end_term(contract: Contract, due: datetime, moment: Moment) -> tuple[Contract, list[Event]]:
    if cancellation := scheduled(contract, "cancellation"):
        after = cancelled(contract, due, cancellation.get("reason"))
        return _by_time(contract, after, "cancelled", due, moment)
    if contract["auto_renewal"]:
        end = add_months(due, contract["term_months"], contract["lifecycle"]["anchor_day"])
        return _by_time(
            contract,
            with_next_term(contract, due, end, contract["lifecycle"]["anchor_day"]),
            "renewed",
            due,
            moment,
        )
    return _by_time(contract, contract | {"status": "expired"}, "expired", due, moment)


def cancelled(contract: Contract, at: datetime, reason: str | None) -> Contract:
    """The contract, cancelled; nothing stays scheduled."""
    after = contract | {"status": "cancelled", "cancelled_at": at, "scheduled_changes": []}
    return after if reason is None else after | {"cancellation_reason": reason}


def _by_time(
    before: Contract, after: Contract, change: Change, due: datetime, moment: Moment
) -> tuple[Contract, list[Event]]:
    contract, event = evolve(before, after, change, moment._replace(by=TIME), due)
    return contract, [event]
