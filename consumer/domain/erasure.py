"""Which of a contract's fields may hold personal data, and what is left of each when an account is erased.

Each field declares it in schemas/contract.py: for the contract, its history, its events and docs/security.md.
What is not personal stays: terms, dates, ids, `external_reference`, `tags`. They are no place for personal
data, and the audit trail needs them.
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
"""Stands where somebody was named who must be named no more."""


def _nothing(_value: object) -> Any:
    return ABSENT


def _empty(_value: object) -> Any:
    return {}


def _somebody(_value: object) -> Any:
    return SOMEBODY


def unnamed(scheduled: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Scheduled changes, without who asked for them and why."""
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
"""Fields that are personal as a whole, and what stands there instead; ABSENT: nothing."""

PARTLY_PERSONAL: Final = {
    name: _LEFT[about.personal] for name, about in FIELDS.items() if about.personal == "in_part"
}
"""Fields that say something of the contract, too: that stays."""


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
    """What an event may say of an erasure: which fields, and no values."""
    names = dict.fromkeys(field_of(change.path) for change in changes)
    return tuple(FieldChange(f"/{name}", ERASED, ERASED) for name in names)


def field_of(path: str) -> str:
    """The contract's field that a JSON Pointer leads into."""
    return path.split("/", 2)[1]
