"""What the history keeps of a decision's events: enough to show every version from the current one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never

import orjson

from consumer.domain.commands.table import ERASING
from consumer.domain.erasure import PARTLY_PERSONAL, PERSONAL, SOMEBODY, field_of
from consumer.domain.lifecycle import TIME
from consumer.domain.model import Changed, Expiring, LimitReached, RenewalNotice
from schemas.contract import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orjson import Fragment

    from consumer.domain.model import Event
    from consumer.storage.protocols import HistoryEntry


def changes_json(told: Sequence[tuple[Event, Fragment]]) -> str | None:
    """Events and their changed fields as JSON text; None: there were none."""
    if not told:
        return None
    return to_json([_kept(*each) for each in told]).decode()


def _kept(event: Event, fields: Fragment) -> dict[str, Any]:
    match event:
        case Changed():
            return _kept_change(event, fields)
        case Expiring(notice):
            return {
                "notice": "expiring",
                "window_days": notice["window_days"],
                "effective_at": notice["effective_at"],
            }
        case RenewalNotice(notice):
            return {
                "notice": "renewal",
                "window_days": notice["window_days"],
                "effective_at": notice["effective_at"],
            }
        case LimitReached(notice):
            return {
                "notice": "limit_reached",
                "period": notice["period"],
                "metric": notice["metric"],
                "threshold": notice["threshold"],
                "effective_at": notice["effective_at"],
            }
        case _:
            assert_never(event)


def _kept_change(event: Changed, fields: Fragment) -> dict[str, Any]:
    """A change without its stamps, where the entry has them: who sent the command, and when it was recorded.

    The statistics search this text: see storage/pipelines.py before changing the order of the names.
    """
    kept: dict[str, Any] = {
        "change": event.change,
        "version": event.version,
        "effective_at": event.effective_at,
        "fields": fields,
    }
    contract = event.contract
    if event.by == TIME:
        kept["by"] = event.by
    if event.reason is not None:
        kept["reason"] = event.reason
    if event.change == "adopted":
        kept["stamps"] = {name: contract[name] for name in ("updated_at", "last_modified_by")}
    return kept


def erased_entry(entry: HistoryEntry) -> HistoryEntry:
    """The entry without personal data; what happened, when and to which fields stays.

    Who asked for an erasure stays as well: that it was asked for must be possible to prove.
    """
    by = entry.requested_by
    if by is not None and entry.type not in ERASING:
        by = SOMEBODY
    changes = entry.changes and to_json([_erased(kept) for kept in orjson.loads(entry.changes)]).decode()
    return replace(entry, requested_by=by, changes=changes)


def _erased(kept: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in kept.items() if name != "reason"}
    if "fields" in kept:
        kept = kept | {"fields": [*_erased_fields(kept["fields"])]}
    if "stamps" in kept:
        kept = kept | {"stamps": kept["stamps"] | {"last_modified_by": SOMEBODY}}
    return kept


def _erased_fields(fields: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of a personal field only that it changed; once, however many of its parts did."""
    told: set[str] = set()
    for field in fields:
        name = field_of(field["path"])
        if name in PERSONAL:
            if name not in told:
                yield {"path": f"/{name}", "erased": True}
            told.add(name)
        elif name in PARTLY_PERSONAL:
            yield field | {
                side: PARTLY_PERSONAL[name](field[side]) for side in ("before", "after") if side in field
            }
        else:
            yield field
