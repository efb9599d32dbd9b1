"""Time: what is due on a contract, in which order, and when to look again.

Whoever calls `apply_due`, and at whatever moments, sees the same changes, as of the same due times.
"""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.domain import limits, notices
from consumer.domain.dates import add_months
from consumer.domain.differences import diff
from consumer.domain.erasure import withheld
from consumer.domain.model import Changed
from consumer.domain.schedule import scheduled, with_next_term, without_scheduled
from consumer.domain.size import bounded_size
from consumer.domain.statuses import RUNNING
from consumer.domain.terms import with_plan
from schemas.contract import kept_in_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from consumer.domain.model import Event
    from schemas.contract import Contract
    from schemas.events import Change
    from schemas.parts import ScheduledChange
    from schemas.types import StatusName

    Progress = tuple[Contract, list[Event]]
    Step = Callable[[Contract, datetime, "Moment"], Progress]

TIME: Final = "lifecycle"
"""Author of what nobody asked for but was due. Naming the command that happened to bring it out would
blame whoever sent it, and make the contract depend on when the scanner ran."""


class Moment(NamedTuple):
    """When a command is decided, by whose hand, and where it stands in the log."""

    now: datetime
    by: str
    offset: int
    recorded_at: datetime
    """The record's own timestamp: earlier than `now` where the log's time ran backwards."""


def apply_due(contract: Contract, moment: Moment) -> Progress:
    """Makes everything happen that is due at `moment.now`, in order of due time."""
    events: list[Event] = []
    while (due := contract["lifecycle"]["next_action_at"]) is not None and due <= moment.now:
        due, step = min(_agenda(contract, moment.now), key=_due)
        contract, happened = step(contract, due, moment)
        events += happened
    return contract, events


def evolve(
    before: Contract,
    after: Contract,
    change: Change,
    moment: Moment,
    *,
    effective_at: datetime | None = None,
    added: int = 0,
    withhold: bool = False,
) -> tuple[Contract, Changed]:
    """The contract's next version, and the event that tells of it.

    `effective_at` is when the change was due, if not now; `added`, by how many bytes the command can have
    made the contract longer. `withhold`: the event tells which fields changed, and no values.
    """
    version, now = before["version"] + 1, moment.now
    stamped = after | {"version": version, "updated_at": now, "last_modified_by": moment.by}
    contract = _noted(stamped, moment, _next_action_at(before, stamped, now), added)
    changes = diff(before, contract)
    if withhold:
        changes = withheld(changes)
    return contract, Changed(change, contract, version, changes, effective_at or now, moment.by)


def noted(contract: Contract, moment: Moment) -> Contract:
    """The contract with the bookkeeping of a change: which command made it, and when to look again."""
    return _noted(contract, moment, _soonest(contract, moment.now))


def _noted(contract: Contract, moment: Moment, next_action_at: datetime | None, added: int = 0) -> Contract:
    lifecycle = contract["lifecycle"] | {
        "offset": moment.offset,
        "at": moment.now,
        "next_action_at": next_action_at,
        "size": bounded_size(contract, contract["lifecycle"]["size"] + added),
    }
    return kept_in_order(contract | {"lifecycle": lifecycle})


def told_at_once(before: Contract, after: Contract, now: datetime) -> Progress:
    """The expiring event of a contract that comes to lapse inside a window noticed before."""
    window, told = after["lifecycle"]["noticed"], after["lifecycle"]["lapse_noticed"]
    if window is None or window == told or notices.lapses(before) or not notices.lapses(after):
        return after, []
    lifecycle = after["lifecycle"] | {"lapse_noticed": window}
    return after | {"lifecycle": lifecycle}, [notices.expiring(after, window, now, now)]


def cancelled(contract: Contract, at: datetime, reason: str | None) -> Contract:
    """The contract, cancelled; nothing stays scheduled."""
    after = _ended(contract, "cancelled") | {"cancelled_at": at, "scheduled_changes": []}
    return after if reason is None else after | {"cancellation_reason": reason}


def _ended(contract: Contract, status: StatusName) -> Contract:
    """The contract over; which windows of its last term were noticed no longer matters."""
    lifecycle = contract["lifecycle"] | {"noticed": None, "lapse_noticed": None}
    return contract | {"status": status, "lifecycle": lifecycle}


_due: Final = itemgetter(0)
_on_agenda: Final = itemgetter(
    "status", "term_start", "end_date", "renewal_date", "notice_days", "auto_renewal", "scheduled_changes"
)
"""What the agenda is made of, beside the last notice."""


def _agenda(contract: Contract, now: datetime) -> list[tuple[datetime, Step]]:
    """What lies ahead. Of what falls on the same instant, the first in this list happens first."""
    if contract["status"] not in RUNNING:
        return []
    agenda: list[tuple[datetime, Step]] = []
    if (window := notices.next_window(contract, now)) is not None:
        agenda.append((notices.window_opens(contract, window), partial(_give_notice, window)))
    if contract["status"] == "active":
        agenda.append((contract["renewal_date"], _open_window))
    if (plan := scheduled(contract, "plan_change")) and _goes_on_at(contract, plan["effective_at"]):
        agenda.append((plan["effective_at"], partial(_change_plan, plan)))
    agenda.append((contract["end_date"], _end_term))
    return agenda


def _soonest(contract: Contract, now: datetime) -> datetime | None:
    agenda = _agenda(contract, now)
    return min(agenda, key=_due)[0] if agenda else None


def _next_action_at(before: Contract, after: Contract, now: datetime) -> datetime | None:
    """When to look again at `after`. Most changes leave the agenda as it was, and making one takes 3 µs.

    It depends on `now` only in windows that are reached, and what is reached is due.
    """
    was, looked = before["lifecycle"], after["lifecycle"]
    due = was["next_action_at"]
    same = _on_agenda(before) == _on_agenda(after) and was["noticed"] == looked["noticed"]
    return due if same and (due is None or due > now) else _soonest(after, now)


def _goes_on_at(contract: Contract, moment: datetime) -> bool:
    return moment < contract["end_date"] or not notices.lapses(contract)


def _give_notice(window: int, contract: Contract, due: datetime, moment: Moment) -> Progress:
    events = notices.crossing(contract, window, due, moment.now)
    told = window if notices.lapses(contract) else None
    lifecycle = contract["lifecycle"] | {"noticed": window, "lapse_noticed": told}
    return noted(contract | {"lifecycle": lifecycle}, moment), events


def _open_window(contract: Contract, due: datetime, moment: Moment) -> Progress:
    return _by_time(contract, contract | {"status": "pending_renewal"}, "renewal_started", due, moment)


def _change_plan(plan: ScheduledChange, contract: Contract, due: datetime, moment: Moment) -> Progress:
    after = with_plan(contract, plan["contract_type"], plan.get("overrides", {}))
    after = after | {"scheduled_changes": without_scheduled(contract, "plan_change")}
    return _by_time(contract, after, "plan_changed", due, moment)


def _end_term(contract: Contract, due: datetime, moment: Moment) -> Progress:
    if cancellation := scheduled(contract, "cancellation"):
        after = cancelled(contract, due, cancellation.get("reason"))
        return _by_time(contract, after, "cancelled", due, moment)
    anchor = contract["lifecycle"]["anchor_day"]
    end = add_months(due, contract["term_months"], anchor)
    if contract["auto_renewal"] and end > due:
        return _by_time(contract, with_next_term(contract, due, end, anchor), "renewed", due, moment)
    return _by_time(contract, _ended(contract, "expired"), "expired", due, moment)


def _by_time(before: Contract, after: Contract, change: Change, due: datetime, moment: Moment) -> Progress:
    contract, event = evolve(before, after, change, moment._replace(by=TIME), effective_at=due)
    contract, reached = limits.measured_anew(before, contract, due, moment.now)
    return contract, [event, *reached]
