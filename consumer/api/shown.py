"""Removes personal data from answers to callers without the permission `personal`.

`About` of each field in schemas/contract.py says whether it is personal: what an erasure removes is withheld.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from consumer.domain.erasure import PARTLY_PERSONAL, PERSONAL, field_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.api.tokens import Caller
    from consumer.reading.future import ForeseenEvent
    from consumer.reading.views import HistoryItem

WITHHELD_HEADER: Final = "Contracts-Withheld"

_WITHIN: Final = frozenset({"reason", "requested_by"})
"""The personal members of fields that are only partly personal."""


def shown_contract(contract: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """A contract; without the permission it has no personal fields."""
    if caller.personal:
        return dict(contract)
    return {
        name: [_without(each) for each in value] if name in PARTLY_PERSONAL else value
        for name, value in contract.items()
        if name not in PERSONAL
    }


def shown_item(item: HistoryItem, caller: Caller) -> dict[str, Any]:
    """A history entry; without the permission it names changed personal fields, without their values."""
    row = asdict(item)
    if caller.personal:
        return row
    changes = [
        {**change, "by": None, "reason": None, "fields": [_hidden(each) for each in change["fields"]]}
        for change in row["changes"]
    ]
    return {**row, "by": None, "changes": changes}


def shown_event(event: ForeseenEvent, caller: Caller) -> dict[str, Any]:
    """An event of a preview; without the permission it has no personal data."""
    data = dict(event.data)
    if not caller.personal:
        data = {name: value for name, value in data.items() if name not in _IN_EVENTS}
        if "contract" in data:
            data["contract"] = shown_contract(data["contract"], caller)
        if "changed_fields" in data:
            data["changed_fields"] = [_hidden(each) for each in data["changed_fields"]]
    return {"name": event.name, "data": data}


def shown_fields(fields: Iterable[Mapping[str, Any]], caller: Caller) -> list[dict[str, Any]]:
    """Changed fields; without the permission personal ones are named, without their values."""
    return [dict(each) if caller.personal else _hidden(each) for each in fields]


def withheld(caller: Caller) -> dict[str, str]:
    """The header that says that personal data was withheld."""
    return {} if caller.personal else {WITHHELD_HEADER: "personal"}


_IN_EVENTS: Final = frozenset({*PERSONAL, "recipients", "requested_by"})
"""The personal members of an event's data, in addition to its contract and changed fields."""


def _without(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in _WITHIN}


def _hidden(field: Mapping[str, Any]) -> dict[str, Any]:
    if field_of(field["path"]) in {*PERSONAL, *PARTLY_PERSONAL}:
        return {"path": field["path"], "withheld": True}
    return dict(field)
