"""Forms of a stored contract: as shown, as exported, with its fields in order."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from sys import intern
from typing import TYPE_CHECKING, Any, Final, cast

from schemas.contract import Continuation, ContractState

if TYPE_CHECKING:
    from schemas.contract import Contract, ExportedContract

HIDDEN_FIELDS: Final = frozenset({"_id", "lifecycle"})
"""Fields of a stored contract that are not shown in events or by readers."""


def exported(contract: Contract) -> ExportedContract:
    """A stored contract with everything that another installation needs to continue it."""
    parts: Any = contract["lifecycle"]
    kept: Any = {name: parts[name] for name in Continuation.__annotations__ if name in parts}
    return {**visible(contract), "lifecycle": kept}


def visible(contract: Contract) -> ContractState:
    """The part of a stored contract that events and readers show."""
    shown: Any = dict(kept_in_order(contract))
    del shown["_id"], shown["lifecycle"]
    return cast("ContractState", shown)


def ordered(contract: Contract) -> Contract:
    """The contract with its fields in the order of ContractState, between `_id` and `lifecycle`.

    The same state then always has the same bytes. Without this, a field that was removed and set again
    would have different places in MongoDB and in a dict.
    """
    names, values = _in_order(tuple(contract))
    return cast("Contract", dict(zip(names, values(contract), strict=True)))


def kept_in_order(contract: Contract) -> Contract:
    """The same for a contract that was in order before a change: new fields are after `lifecycle`."""
    return contract if next(reversed(cast("dict[str, Any]", contract))) == "lifecycle" else ordered(contract)


_STORED: Final = ("_id", *ContractState.__annotations__, "lifecycle")
PLACES: Final = {name: place for place, name in enumerate(_STORED)}
"""The place of a field in stored and shown contracts."""


@lru_cache(maxsize=4096)
def _in_order(names: tuple[str, ...]) -> tuple[tuple[str, ...], itemgetter[Any]]:
    """The names in order, and a function that gets their values. Names that are not fields come last."""
    placed = sorted(map(intern, names), key=lambda name: PLACES.get(name, len(PLACES)))
    return tuple(placed), itemgetter(*placed)
