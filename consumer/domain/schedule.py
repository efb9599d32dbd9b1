"""The dates of a contract: its running term, and its renewal window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from consumer.domain.dates import DAY, add_months, half

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from schemas.contract import Contract, Lifecycle

DATING_FIELDS: Final = frozenset({"start_date", "end_date", "term_months", "renewal_window_days"})
"""Terms from which other dates are computed."""


def with_window(contract: Contract) -> Contract:
    """The contract with its renewal date; a window is capped at half the term."""
    end = contract["end_date"]
    window = contract["renewal_window_days"] * DAY
    return contract | {"renewal_date": end - min(window, half(end - contract["term_start"]))}


def with_draft_term(draft: Contract, changes: Mapping[str, Any]) -> Contract:
    """A draft whose term starts with it: a computed end moves with the start, a given end does not."""
    start, end, given = draft["start_date"], draft["end_date"], draft["lifecycle"]["end_given"]
    if not given:
        computed = add_months(start, draft["term_months"], start.day)
        end = changes.get("end_date", computed)
        given = end != computed
    anchor_day = (end if given else start).day
    lifecycle = draft["lifecycle"] | {"end_given": given, "anchor_day": anchor_day}
    return with_window(draft | {"term_start": start, "end_date": end, "lifecycle": lifecycle})


def with_next_term(contract: Contract, start: datetime, end: datetime, anchor_day: int) -> Contract:
    """The contract, renewed: no notice is sent yet in the new term."""
    lifecycle = unnoticed(contract["lifecycle"]) | {"anchor_day": anchor_day}
    renewed = contract | {
        "status": "active",
        "term_start": start,
        "term_number": contract["term_number"] + 1,
        "end_date": end,
        "lifecycle": lifecycle,
    }
    return with_window(renewed)


def redated(before: Contract, after: Contract, changes: Mapping[str, Any], now: datetime) -> Contract:
    """The contract after an update, with the dates that depend on the changed fields."""
    if DATING_FIELDS.isdisjoint(changes):
        return after
    if after["status"] == "draft":
        dated = with_draft_term(after, changes)
        return dated if _another_window(before, dated) else dated | {"renewal_date": before["renewal_date"]}
    if not _another_window(before, after):
        return after
    if after["end_date"] != before["end_date"]:
        after = _with_given_end(after)
    after = with_window(after)
    if after["status"] == "pending_renewal" and now < after["renewal_date"]:
        return after | {"status": "active"}
    return after


def _another_window(before: Contract, after: Contract) -> bool:
    """Whether the renewal date must be computed again. Until then an adopted contract keeps the given one."""
    names: tuple[Literal["term_start", "end_date", "renewal_window_days"], ...]
    names = ("term_start", "end_date", "renewal_window_days")
    return any(before[name] != after[name] for name in names)


def _with_given_end(contract: Contract) -> Contract:
    """A given end sets the day of later ends, and allows the notices again."""
    anchor_day = contract["end_date"].day
    lifecycle = unnoticed(contract["lifecycle"]) | {"end_given": True, "anchor_day": anchor_day}
    return contract | {"lifecycle": lifecycle}


def unnoticed(lifecycle: Lifecycle) -> Lifecycle:
    """The bookkeeping of a term of which nothing was noticed yet."""
    fresh = lifecycle | {"noticed": None, "lapse_noticed": None}
    fresh.pop("told_terms", None)
    return fresh


def renewed_early(contract: Contract, now: datetime) -> bool:
    """Whether the next term is already agreed, but has not begun."""
    return contract["term_number"] > 1 and now < contract["term_start"]


def next_term(contract: Contract, now: datetime) -> int:
    """The number of the next term to begin: one that was agreed on early has not begun."""
    return contract["term_number"] + (not renewed_early(contract, now))
