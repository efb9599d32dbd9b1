"""What the history keeps of a verdict's events: enough to show every version from the current one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from consumer.domain.commands.table import ERASING
from consumer.domain.erasure import PARTLY_PERSONAL, PERSONAL, SOMEBODY, field_of
from consumer.domain.lifecycle import TIME
from consumer.domain.model import Changed, Expiring, LimitReached, RenewalNotice
from consumer.storage.chain import details_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consumer.domain.model import Event
    from consumer.storage.history import HistoryEntry
    from consumer.storage.kept import KeptEvent
    from schemas.events import ChangedField


def kept_events(events: Sequence[tuple[Event, list[ChangedField]]]) -> list[KeptEvent] | None:
    """The events that the history stores, each with its changed fields; None: no events."""
    return [_kept(*each) for each in events] or None


def _kept(event: Event, fields: list[ChangedField]) -> KeptEvent:
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


def _kept_change(event: Changed, fields: list[ChangedField]) -> KeptEvent:
    """A change without its stamps, if the entry has the same: who sent the command, and when."""
    kept: KeptEvent = {
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
        kept["stamps"] = {
            "updated_at": contract["updated_at"],
            "last_modified_by": contract["last_modified_by"],
        }
    return kept


def erased_entry(entry: HistoryEntry) -> HistoryEntry:
    """The entry without personal data; the same object if it has none.

    What happened, when, and to which fields is kept, and the hash of the details as they were. Who requested
    an erasure is also kept, as a proof of the request.
    """
    by = entry.requested_by
    if by is not None and entry.type not in ERASING:
        by = SOMEBODY
    changes = entry.changes and [_erased(kept) for kept in entry.changes]
    erased = replace(entry, requested_by=by, changes=changes, encoded=None)
    return entry if erased == entry else replace(erased, details_hash=details_hash(entry))


def _erased(kept: KeptEvent) -> KeptEvent:
    left = kept.copy()
    left.pop("reason", None)
    if "fields" in left:
        left["fields"] = [*_erased_fields(left["fields"])]
    if "stamps" in left:
        left["stamps"] = left["stamps"] | {"last_modified_by": SOMEBODY}
    return left


def _erased_fields(fields: Sequence[ChangedField]) -> Iterator[ChangedField]:
    """A personal field without its values; once, even if several of its parts changed."""
    erased: set[str] = set()
    for field in fields:
        name = field_of(field["path"])
        if name in PERSONAL:
            if name not in erased:
                yield {"path": f"/{name}", "erased": True}
            erased.add(name)
        elif name in PARTLY_PERSONAL:
            yield _erased_in_part(field, name)
        else:
            yield field


def _erased_in_part(field: ChangedField, name: str) -> ChangedField:
    left = field.copy()
    for side in ("before", "after"):
        if side in left:
            left[side] = PARTLY_PERSONAL[name](left[side])
    return left
