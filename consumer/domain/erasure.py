"""Which of a contract's fields may hold personal data, and what an erasure leaves of each.

Each field declares it in schemas/contract.py: for the contract, its history, its events and docs/security.md.
What is not personal is kept: terms, dates, ids, `external_reference`, `tags`. The audit trail needs them, so
they must not contain personal data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain.model import ABSENT, ERASED, FieldChange
from schemas.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.about import Erasure
    from schemas.contract import Contract

SOMEBODY: Final = "erased"
"""Replaces the name of a person who must no longer be named."""


def _nothing(_value: object) -> Any:
    return ABSENT


def _empty(_value: object) -> Any:
    return {}


def _somebody(_value: object) -> Any:
    return SOMEBODY


def unnamed(scheduled: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Scheduled changes, without who requested them and why."""
    return [
        {name: value for name, value in each.items() if name != "reason"} | {"requested_by": SOMEBODY}
        for each in scheduled
    ]


_LEFT: Final[Mapping[Erasure, Callable[[Any], Any]]] = {
    "removed": _nothing,
    "emptied": _empty,
    "unnamed": _somebody,
    "in_part": unnamed,
}

PERSONAL: Final = {
    name: _LEFT[about.personal] for name, about in FIELDS.items() if about.personal not in {"no", "in_part"}
}
"""Fields that are personal as a whole, and their value after an erasure; ABSENT: the field is removed."""

PARTLY_PERSONAL: Final = {
    name: _LEFT[about.personal] for name, about in FIELDS.items() if about.personal == "in_part"
}
"""Fields with personal and other parts: the other parts are kept."""


def erased(contract: Contract) -> Contract:
    """The contract without personal data."""
    after = dict(contract)
    for name, left in {**PERSONAL, **PARTLY_PERSONAL}.items():
        if name in after:
            after[name] = left(after[name])
            if after[name] is ABSENT:
                del after[name]
    return cast("Contract", after)


def withheld(changes: Sequence[FieldChange]) -> tuple[FieldChange, ...]:
    """What an event may contain of an erasure: the names of fields, and no values."""
    names = dict.fromkeys(field_of(change.path) for change in changes)
    return tuple(FieldChange(f"/{name}", ERASED, ERASED) for name in names)


def field_of(path: str) -> str:
    """The field of the contract that a JSON Pointer points into."""
    return path.split("/", 2)[1]
