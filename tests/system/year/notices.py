"""Which notices a contract must give, worked out from its terms and from when somebody looked.

The terms are those of the `changed` events. Somebody looks at an account with every run of the scanner
and with every command: what was due by then has happened then.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.system.year.agreements import agreed_ahead, ahead_of, not_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DAY = timedelta(days=1)


class Terms(NamedTuple):
    """What a `changed` event says that matters for notices."""

    account: str
    contract_id: str
    change: str
    at: datetime
    due: datetime
    running: bool
    start: datetime
    end: datetime
    windows: tuple[int, ...]
    lapses: bool
    ahead: tuple[Any, ...] | None
    """Plan, fee and months after the next renewal, if something is agreed on for it."""
    renewed: tuple[Any, ...]
    """The same in any case."""


class Told(NamedTuple):
    """One notice, or expiring event."""

    kind: str
    contract_id: str
    end: datetime
    window: int
    effective_at: datetime
    occurred_at: datetime
    missed: tuple[int, ...] = ()


def terms_of(event: dict[str, Any]) -> Terms:
    contract = event["contract"]
    ends = [each["effective_at"] for each in contract["scheduled_changes"] if each["kind"] == "cancellation"]
    return Terms(
        contract["account_id"],
        contract["contract_id"],
        event["change"],
        _time(event["occurred_at"]),
        _time(event["effective_at"]),
        contract["status"] in {"active", "pending_renewal"} and event["change"] != "deleted",
        _time(contract["term_start"]),
        _time(contract["end_date"]),
        tuple(contract["notice_days"]),
        not contract["auto_renewal"] or any(not_after(each, contract["end_date"]) for each in ends),
        agreed_ahead(contract),
        ahead_of(contract),
    )


def told_of(kind: str, event: dict[str, Any]) -> Told:
    return Told(
        kind,
        event["contract_id"],
        _time(event["end_date"]),
        event["window_days"],
        _time(event["effective_at"]),
        _time(event["occurred_at"]),
        tuple(event.get("missed_windows", ())),
    )


def expected(story: Sequence[Terms], looks: Sequence[Sequence[datetime]]) -> Iterator[Told]:
    """What one contract must have told.

    Args:
        story: its changes, in order.
        looks: sorted moments, of the scanner's runs and of the account's commands.
    """
    noticed: int | None = None
    told: int | None = None
    said: tuple[Any, ...] | None = None
    before: Terms | None = None
    for now, after in zip(story, [*story[1:], None], strict=True):
        if before is None or (before.start, before.end) != (now.start, now.end):
            noticed = told = said = None  # another term, or another end of it: the windows start afresh
        if now.change == "adopted":
            noticed = min(_reached(now, noticed, now.at), default=None)
            told, said = (noticed, None) if now.lapses else (None, noticed and now.ahead)
        changed = said != now.ahead and (said is None or said != now.renewed)
        if now.running and noticed is not None and not now.lapses and changed:
            said = now.ahead  # the renewal's terms are others than the last notice said
            yield Told("notice", now.contract_id, now.end, noticed, now.at, now.at)
        if now.running and noticed not in {None, told} and now.lapses and before and not before.lapses:
            told = noticed
            yield Told("expiring", now.contract_id, now.end, noticed or 0, now.at, now.at)
        moment: datetime | None = now.at
        while now.running and (moment := _next_look(now, noticed, moment, looks)) is not None:
            if moment >= now.end or (after is not None and moment > after.at):
                break
            window = min(_reached(now, noticed, moment))
            opened = now.end - window * DAY
            if after is not None and moment == after.at and opened > after.due:
                break  # the change was due before the window opened
            missed = tuple(sorted((each for each in _ahead(now, noticed) if each > window), reverse=True))
            yield Told("notice", now.contract_id, now.end, window, opened, moment, missed)
            if now.lapses:
                yield Told("expiring", now.contract_id, now.end, window, opened, moment)
            noticed, told, said = (window, window, None) if now.lapses else (window, None, now.ahead)
        before = now


def _ahead(terms: Terms, noticed: int | None) -> list[int]:
    """The windows still to come; those longer than half the term do not apply."""
    fitting = [each for each in terms.windows if 2 * each * DAY <= terms.end - terms.start]
    return [each for each in fitting if noticed is None or each < noticed]


def _reached(terms: Terms, noticed: int | None, now: datetime) -> list[int]:
    return [each for each in _ahead(terms, noticed) if terms.end - each * DAY <= now < terms.end]


def _next_look(
    terms: Terms, noticed: int | None, after: datetime | None, looks: Sequence[Sequence[datetime]]
) -> datetime | None:
    """When somebody looks first with a window open."""
    ahead = _ahead(terms, noticed)
    if not ahead or after is None:
        return None
    opened = max(after, terms.end - max(ahead) * DAY)
    found = [times[at] for times in looks if (at := bisect_left(times, opened)) < len(times)]
    return min(found, default=None)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
