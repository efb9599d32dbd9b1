"""What the history keeps of a decision's events: enough to show every version from the current one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from consumer.domain.lifecycle import TIME
from consumer.domain.model import Changed, Expiring, RenewalNotice
from consumer.pipeline.encoder import changed_field
from schemas.contract import to_json

if TYPE_CHECKING:
    from consumer.domain.model import Event


def changes_json(events: tuple[Event, ...]) -> str | None:
    """The events as JSON text; None: there were none."""
    if not events:
        return None
    return to_json([_kept(event) for event in events]).decode()


def _kept(event: Event) -> dict[str, Any]:
    match event:
        case Changed():
            return _kept_change(event)
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
        case _:
            assert_never(event)


def _kept_change(event: Changed) -> dict[str, Any]:
    """A change without its stamps, where the entry has them: who sent the command, and when it was recorded.

    The statistics search this text: see storage/pipelines.py before changing the order of the names.
    """
    kept: dict[str, Any] = {
        "change": event.change,
        "version": event.version,
        "effective_at": event.effective_at,
        "fields": [changed_field(change) for change in event.changed_fields],
    }
    contract = event.contract
    if event.by == TIME:
        kept["by"] = event.by
    if event.change == "adopted":
        kept["stamps"] = {name: contract[name] for name in ("updated_at", "last_modified_by")}
    return kept
