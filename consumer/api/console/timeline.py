"""The history of an account as a timeline: what came of what, as far as one page of it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from consumer.api.console.drawn import moment
from consumer.api.shown import shown_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consumer.api.tokens import Caller
    from consumer.reading.views import HistoryChange, HistoryItem

_BY_TIME: Final = {
    "plan_changed": "plan_change_scheduled",
    "amended": "change_scheduled",
    "cancelled": "cancellation_scheduled",
    "offer_expired": "renewal_offered",
}
"""What takes effect when it is due, and what made it due. A command may do the same at once."""

_BY_COMMAND: Final = {
    "plan_change_withdrawn": "plan_change_scheduled",
    "change_withdrawn": "change_scheduled",
    "cancellation_withdrawn": "cancellation_scheduled",
    "offer_accepted": "renewal_offered",
    "offer_declined": "renewal_offered",
    "offer_withdrawn": "renewal_offered",
}
"""What ends something that an earlier command began."""


class _ChangeAt(NamedTuple):
    item: int
    change: int


def timeline(items: Iterable[HistoryItem], caller: Caller) -> list[dict[str, Any]]:
    """The items as this caller may see them. Each change has `causes` and `effects`: links to other items."""
    known = list(items)
    rows = [shown_item(item, caller) for item in known]
    for row in rows:
        row["first"] = None
        for change in row["changes"]:
            change["causes"], change["effects"] = [], []
    for cause, effect in _pairs(known):
        before, after = rows[cause.item], rows[effect.item]
        before["changes"][cause.change]["effects"].append(
            _link(after, after["changes"][effect.change]["kind"])
        )
        after["changes"][effect.change]["causes"].append(_link(before, before["command"] or "record"))
    _link_duplicates(known, rows)
    return rows


def _pairs(items: list[HistoryItem]) -> Iterator[tuple[_ChangeAt, _ChangeAt]]:
    """Cause and effect. Where several could be the cause, none is named."""
    begun: dict[str, list[_ChangeAt]] = {}
    for number in sorted(range(len(items)), key=lambda each: items[each].sequence):
        for index, change in enumerate(items[number].changes):
            here = _ChangeAt(number, index)
            if cause := _BY_TIME.get(change.kind) or _BY_COMMAND.get(change.kind):
                open_ones = begun.pop(cause, [])
                if len(open_ones) == 1 and (change.kind in _BY_COMMAND or _is_due(items[number], change)):
                    yield open_ones[0], here
            if change.kind in _CAUSES:
                begun.setdefault(change.kind, []).append(here)


_CAUSES: Final = frozenset({*_BY_TIME.values(), *_BY_COMMAND.values()})


def _is_due(item: HistoryItem, change: HistoryChange) -> bool:
    return item.command == "advance" or change.effective_at < item.occurred_at


def _link_duplicates(items: list[HistoryItem], rows: list[dict[str, Any]]) -> None:
    """A duplicate names the command that it repeats."""
    first = {
        (item.source, item.command_id): row
        for item, row in zip(items, rows, strict=True)
        if item.outcome != "duplicate" and item.code != "id_reused"
    }
    for item, row in zip(items, rows, strict=True):
        repeats = item.outcome == "duplicate" or item.code == "id_reused"
        if repeats and item.command_id and (known := first.get((item.source, item.command_id))):
            row["first"] = _link(known, known["command"] or "record")


def _link(row: dict[str, Any], what: str) -> dict[str, Any]:
    return {"sequence": row["sequence"], "text": f"{what}, {moment(row['occurred_at'])}"}
