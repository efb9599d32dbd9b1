"""Tables of a contract's fields, computed from ContractState."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NotRequired, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

from schemas.about import About
from schemas.contract import Continuation, ContractState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Undeclared(Exception):
    """A field of ContractState has no description: an error in the program."""


def _declared(name: str, hint: Any) -> About:
    inner = get_args(hint)[0] if get_origin(hint) is NotRequired else hint
    for each in get_args(inner):
        if isinstance(each, About):
            return each
    raise Undeclared(f"{name} in ContractState, schemas/contract.py, has no About: add it to its type")


_HINTS: Final = get_type_hints(ContractState, include_extras=True)

FIELDS: Final[Mapping[str, About]] = {name: _declared(name, hint) for name, hint in _HINTS.items()}
"""All fields, in the order in which contracts are shown and stored."""

OPTIONAL: Final = frozenset(name for name, hint in _HINTS.items() if get_origin(hint) is NotRequired)
"""The optional fields."""

MUTABLE: Final = frozenset(name for name, about in FIELDS.items() if about.mutable != "never")
"""The fields that an update may set, at least in one status."""


def columns() -> tuple[str, ...]:
    """The columns of a table of contracts: each field, or each field of a flat part.

    Last come the columns of Continuation.
    """
    places = {name: float(place) for place, name in enumerate(FIELDS)}
    for name, about in FIELDS.items():
        if about.column_before is not None:
            places[name] = places[about.column_before] - 0.5
    named = [column for name in sorted(FIELDS, key=places.__getitem__) for column in _columns_of(name)]
    return (*named, *(f"lifecycle.{name}" for name in Continuation.__annotations__))


def _columns_of(name: str) -> Iterator[str]:
    kind = _KINDS[name]
    parts = get_type_hints(kind) if is_typeddict(kind) else {}
    if parts and not any(get_origin(part) or is_typeddict(part) for part in parts.values()):
        yield from (f"{name}.{part}" for part in parts)
    else:
        yield name


_KINDS: Final = get_type_hints(ContractState)
