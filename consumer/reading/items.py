"""Converts history entries and contracts that end soon to the values that readers return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.domain.dates import days_left
from consumer.domain.notices import lapse_reason
from consumer.reading.views import ExpiringContract, HistoryChange, HistoryItem
from schemas.views import visible

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.storage.history import HistoryEntry
    from consumer.storage.kept import KeptEvent
    from schemas.contract import Contract


def item_of(entry: HistoryEntry) -> HistoryItem:
    """A history entry, in the form that readers return."""
    by = entry.requested_by or entry.source
    return HistoryItem(
        sequence=entry.offset,
        occurred_at=entry.occurred_at,
        outcome=entry.outcome,
        code=entry.code,
        command=entry.type,
        command_id=entry.command_id,
        source=entry.source,
        by=by,
        contract_id=entry.contract_id,
        version=entry.version,
        changes=tuple(_change(each, by) for each in entry.changes or ()),
    )


_NOTICES: Final = {"renewal": "renewal_notice"}
"""Fields that are stored with another name than in the event."""


def _change(kept: KeptEvent, by: str | None) -> HistoryChange:
    if "change" not in kept:
        kind, author = _NOTICES.get(kept["notice"], kept["notice"]), None
    else:
        kind, author = kept["change"], kept.get("by", by)
    return HistoryChange(
        kind=kind,
        effective_at=kept["effective_at"],
        version=kept.get("version"),
        by=author,
        window_days=kept.get("window_days"),
        reason=kept.get("reason"),
        fields=tuple(kept.get("fields", ())),
        limit=_limit(kept),
    )


def _limit(kept: KeptEvent) -> dict[str, Any] | None:
    if "threshold" not in kept:
        return None
    return {"period": kept["period"], "metric": kept["metric"], "threshold": kept["threshold"]}


def expiring_item(contract: Contract, now: datetime) -> ExpiringContract:
    """A contract whose term ends soon, in the form that readers return."""
    reason = lapse_reason(contract)
    left = days_left(contract["end_date"], now)
    return ExpiringContract(visible(contract), left, "lapses" if reason else "renews", reason)
