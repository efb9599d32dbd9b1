"""The dates of a contract: its running term, its renewal window, and what is scheduled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from consumer.domain.dates import DAY, add_months, half

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from schemas.contract import Contract
    from schemas.parts import ScheduledChange

DATING_FIELDS: Final = frozenset({"start_date", "end_date", "term_months", "renewal_window_days"})
"""Terms that other dates follow from."""


def with_window(contract: Contract) -> Contract:
    """The contract with its renewal date; a window is capped at half the term."""
    end = contract["end_date"]
    window = contract["renewal_window_days"] * DAY
    return contract | {"renewal_date": end - min(window, half(end - contract["term_start"]))}


def with_draft_term(draft: Contract, changes: Mapping[str, Any]) -> Contract:
    """A draft whose term follows its start: a computed end moves along, a given one stays."""
    start, end, given = draft["start_date"], draft["end_date"], draft["lifecycle"]["end_given"]
    if not given:
        computed = add_months(start, draft["term_months"], start.day)
        end = changes.get("end_date", computed)
        given = end != computed
    anchor_day = (end if given else start).day
    lifecycle = draft["lifecycle"] | {"end_given": given, "anchor_day": anchor_day}
    return with_window(draft | {"term_start": start, "end_date": end, "lifecycle": lifecycle})


def with_next_term(contract: Contract, start: datetime, end: datetime, anchor_day: int) -> Contract:
    """The contract renewed: fresh notice windows; what waited for the renewal happens at its start."""
    lifecycle = contract["lifecycle"] | {"anchor_day": anchor_day, "noticed": None, "lapse_noticed": None}
    renewed = contract | {
        "status": "active",
        "term_start": start,
        "term_number": contract["term_number"] + 1,
        "end_date": end,
        "scheduled_changes": [_moved(each, start) for each in contract["scheduled_changes"]],
        "lifecycle": lifecycle,
    }
    return with_window(renewed)


def redated(before: Contract, after: Contract, changes: Mapping[str, Any], now: datetime) -> Contract:
    """The contract after an update, its dates following what was changed."""
    if DATING_FIELDS.isdisjoint(changes):
        return after
    if after["status"] == "draft":
        dated = with_draft_term(after, changes)
        return dated if _another_window(before, dated) else dated | {"renewal_date": before["renewal_date"]}
    if not _another_window(before, after):
        return after
    if after["end_date"] != before["end_date"]:
        after = _with_given_end(after, before["end_date"])
    after = with_window(after)
    if after["status"] == "pending_renewal" and now < after["renewal_date"]:
        return after | {"status": "active"}
    return after


def _another_window(before: Contract, after: Contract) -> bool:
    """Whether the renewal date must be computed again. Until then an adopted contract keeps its given one."""
    names: tuple[Literal["term_start", "end_date", "renewal_window_days"], ...]
    names = ("term_start", "end_date", "renewal_window_days")
    return any(before[name] != after[name] for name in names)


def _with_given_end(contract: Contract, moved_from: datetime) -> Contract:
    """A given end sets the day of later ends, resets the notice windows and moves scheduled changes."""
    end = contract["end_date"]
    anchor = contract["lifecycle"] | {"end_given": True, "anchor_day": end.day}
    return contract | {
        "scheduled_changes": [
            _moved(each, end) if each["effective_at"] == moved_from else each
            for each in contract["scheduled_changes"]
        ],
        "lifecycle": anchor | {"noticed": None, "lapse_noticed": None},
    }


def scheduled(contract: Contract, kind: str) -> ScheduledChange | None:
    """The scheduled change of a kind, if there is one."""
    for each in contract["scheduled_changes"]:
        if each["kind"] == kind:
            return each
    return None


def with_scheduled(contract: Contract, change: ScheduledChange) -> Contract:
    """The contract with a change scheduled; it replaces an earlier one of the same kind."""
    return contract | {"scheduled_changes": [*without_scheduled(contract, change["kind"]), change]}


def without_scheduled(contract: Contract, kind: str) -> list[ScheduledChange]:
    """What stays scheduled when a kind of change no longer is."""
    return [each for each in contract["scheduled_changes"] if each["kind"] != kind]


def renewed_early(contract: Contract, now: datetime) -> bool:
    """Whether the next term is already agreed, but has not begun."""
    return contract["term_number"] > 1 and now < contract["term_start"]


def _moved(change: ScheduledChange, effective_at: datetime) -> ScheduledChange:
    return change | {"effective_at": effective_at}
