"""What becomes due on a contract, in which order, and when to check again.

The times at which `apply_due` is called make no difference: it makes the same changes, as of the same due
times.
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
from consumer.domain.offers import soonest, without_offer, without_offers
from consumer.domain.proration import proration
from consumer.domain.recurring import revenue_between, with_mark
from consumer.domain.renewal import next_terms, on_terms, terms_for, with_change_made
from consumer.domain.schedule import unnoticed, with_next_term
from consumer.domain.scheduling import ending, with_due_times, without_scheduled
from consumer.domain.size import bounded_size
from consumer.domain.statuses import RUNNING
from schemas.views import kept_in_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from consumer.domain.catalogue import Catalogue
    from consumer.domain.model import Event
    from schemas.contract import Contract
    from schemas.events import Change
    from schemas.parts import Offer, RenewalTerms
    from schemas.scheduled import ScheduledChange
    from schemas.types import StatusName

    Progress = tuple[Contract, list[Event]]
    Step = Callable[[Contract, datetime, "Moment"], Progress]

TIME: Final = "lifecycle"
"""Author of changes that became due and that nobody requested. It is not the sender of the command that was
decided at that time: the contract must not depend on when the scanner ran."""


class Moment(NamedTuple):
    """When a command is decided, who requested it, and its offset in the log."""

    now: datetime
    by: str
    offset: int
    recorded_at: datetime
    """The record's own timestamp: earlier than `now` if the timestamps in the log went back."""
    catalogue: Catalogue
    """All versions of the templates: a change that becomes due may name an older one."""
    identity: bytes
    """Of the command: ids that it does not give are made from it."""


def apply_due(contract: Contract, moment: Moment) -> Progress:
    """Applies everything that is due at `moment.now`, in order of due time."""
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
    """The contract's next version, and the event of this change.

    `effective_at` is when the change was due, if not now; `added`: maximum number of bytes by which the
    command made the contract longer. `withhold`: the event names the changed fields, without values.
    """
    version, now = before["version"] + 1, moment.now
    stamped = with_due_times(after) | {"version": version, "updated_at": now, "last_modified_by": moment.by}
    revenue = revenue_between(before, after)
    if not revenue["after"]:
        stamped = with_mark(before, stamped)
    contract = _noted(stamped, moment, _next_action_at(before, stamped, now), added)
    changes = diff(before, contract)
    if withhold:
        changes = withheld(changes)
    at = effective_at or now
    prorated = proration(before, contract, change, at)
    return contract, Changed(change, contract, version, changes, at, moment.by, revenue, proration=prorated)


def noted(contract: Contract, moment: Moment) -> Contract:
    """The contract with the bookkeeping of a change: the command that made it, and when to check again."""
    return _noted(contract, moment, _soonest(contract, moment.now))


def _noted(contract: Contract, moment: Moment, next_action_at: datetime | None, added: int = 0) -> Contract:
    lifecycle = contract["lifecycle"] | {
        "offset": moment.offset,
        "at": moment.now,
        "next_action_at": next_action_at,
        "size": bounded_size(contract, contract["lifecycle"]["size"] + added),
    }
    return kept_in_order(contract | {"lifecycle": lifecycle})


def repeated_notices(before: Contract, after: Contract, moment: Moment) -> Progress:
    """The events in a window whose notice was sent: it will now lapse, or renew on other terms."""
    window, lapse_noticed = after["lifecycle"]["noticed"], after["lifecycle"]["lapse_noticed"]
    if window is None:
        return after, []
    if events := notices.changed_terms(after, moment):
        again = notices.marked(after, window, moment.catalogue)
        return again | {"lifecycle": again["lifecycle"] | {"lapse_noticed": lapse_noticed}}, events
    if window == lapse_noticed or notices.lapses(before) or not notices.lapses(after):
        return after, []
    lifecycle = after["lifecycle"] | {"lapse_noticed": window}
    return after | {"lifecycle": lifecycle}, [notices.expiring(after, window, moment.now, moment)]


def cancelled(contract: Contract, at: datetime, reason: str | None) -> Contract:
    """The contract, cancelled, without scheduled changes."""
    after = _ended(contract, "cancelled") | {"cancelled_at": at, "scheduled_changes": []}
    return after if reason is None else after | {"cancellation_reason": reason}


def _ended(contract: Contract, status: StatusName) -> Contract:
    """The contract, ended, without what matters only while it runs: offers, notices, cancellations."""
    waiting = [each for each in contract["scheduled_changes"] if each["kind"] != "cancellation"]
    lifecycle = unnoticed(contract["lifecycle"])
    return without_offers(contract | {"status": status, "scheduled_changes": waiting, "lifecycle": lifecycle})


_due: Final = itemgetter(0)
_on_agenda: Final = itemgetter(
    "status", "term_start", "end_date", "renewal_date", "notice_days", "auto_renewal", "scheduled_changes"
)
"""The fields that the agenda is computed from, in addition to the last notice and to optional fields."""


def _agenda(contract: Contract, now: datetime) -> list[tuple[datetime, Step]]:
    """What becomes due later. Changes that are due at the same instant are applied in this order."""
    if contract["status"] not in RUNNING:
        return []
    agenda: list[tuple[datetime, Step]] = []
    if (window := notices.next_window(contract, now)) is not None:
        agenda.append((notices.window_opens(contract, window), partial(_give_notice, window)))
    if contract["status"] == "active":
        agenda.append((contract["renewal_date"], _open_window))
    if change := _next_change(contract):
        agenda.append((change["effective_at"], partial(_make_change, change)))
    if terms := terms_for(contract, contract["term_number"]):
        agenda.append((contract["term_start"], partial(_begin_terms, terms)))
    if offer := soonest(contract):
        agenda.append((offer["valid_until"], partial(_end_offer, offer)))
    agenda.append((contract["end_date"], _end_term))
    return agenda


def _soonest(contract: Contract, now: datetime) -> datetime | None:
    agenda = _agenda(contract, now)
    return min(agenda, key=_due)[0] if agenda else None


def _next_action_at(before: Contract, after: Contract, now: datetime) -> datetime | None:
    """When to check `after` again. Most changes do not change the agenda, and to compute it takes 3 µs.

    It depends on `now` only for windows that are reached, and those are due.
    """
    was, looked = before["lifecycle"], after["lifecycle"]
    due = was["next_action_at"]
    same = (
        _on_agenda(before) == _on_agenda(after)
        and was["noticed"] == looked["noticed"]
        and before.get("renewal_terms") == after.get("renewal_terms")
        and before.get("offers") == after.get("offers")
    )
    return due if same and (due is None or due > now) else _soonest(after, now)


def _next_change(contract: Contract) -> ScheduledChange | None:
    """The first scheduled change, if it is due in the running term, or with the beginning of the next.

    A cancellation at the end of the term is part of that end.
    """
    if not contract["scheduled_changes"]:
        return None
    first, end = contract["scheduled_changes"][0], contract["end_date"]
    if first["effective_at"] < end:
        return first
    renews = first["effective_at"] == end and not notices.lapses(contract)
    return first if renews else None


def _give_notice(window: int, contract: Contract, due: datetime, moment: Moment) -> Progress:
    events = notices.crossing(contract, window, due, moment)
    return noted(notices.marked(contract, window, moment.catalogue), moment), events


def _open_window(contract: Contract, due: datetime, moment: Moment) -> Progress:
    return _by_time(contract, contract | {"status": "pending_renewal"}, "renewal_started", due, moment)


def _make_change(change: ScheduledChange, contract: Contract, due: datetime, moment: Moment) -> Progress:
    if change["kind"] == "cancellation":
        return _by_time(contract, cancelled(contract, due, change.get("reason")), "cancelled", due, moment)
    after = with_change_made(contract, change, moment.catalogue)
    after = after | {"scheduled_changes": without_scheduled(contract, change["change_id"])}
    name: Change = "amended" if change["kind"] == "amendment" else "plan_changed"
    return _by_time(contract, after, name, due, moment)


def _begin_terms(terms: RenewalTerms, contract: Contract, due: datetime, moment: Moment) -> Progress:
    """A term that was agreed early begins: its terms take effect."""
    after = on_terms(contract, terms, contract["term_number"], moment.catalogue)
    return _by_time(contract, after, "amended", due, moment)


def _end_offer(offer: Offer, contract: Contract, due: datetime, moment: Moment) -> Progress:
    return _by_time(contract, without_offer(contract, offer), "offer_expired", due, moment)


def _end_term(contract: Contract, due: datetime, moment: Moment) -> Progress:
    if cancellation := ending(contract):
        after = cancelled(contract, due, cancellation.get("reason"))
        return _by_time(contract, after, "cancelled", due, moment)
    anchor = contract["lifecycle"]["anchor_day"]
    terms = next_terms(contract)
    number = contract["term_number"] + 1
    renewed = on_terms(contract, terms, number, moment.catalogue) if terms else contract
    end = add_months(due, renewed["term_months"], anchor)
    if contract["auto_renewal"] and end > due:
        return _by_time(contract, with_next_term(renewed, due, end, anchor), "renewed", due, moment)
    return _by_time(contract, _ended(contract, "expired"), "expired", due, moment)


def _by_time(before: Contract, after: Contract, change: Change, due: datetime, moment: Moment) -> Progress:
    contract, event = evolve(before, after, change, moment._replace(by=TIME), effective_at=due)
    contract, reached = limits.measured_again(before, contract, due, moment)
    return contract, [event, *reached]
