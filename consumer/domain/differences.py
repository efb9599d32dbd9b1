"""The differences between two states of a contract, and how to undo them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.domain.model import ABSENT, FieldChange
from schemas.views import HIDDEN_FIELDS, PLACES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

STAMPS: Final = frozenset({"version", "updated_at", "last_modified_by"})
"""Fields that every change sets. They differ between any two states, so they do not describe a change."""

_LEFT_OUT: Final = STAMPS | HIDDEN_FIELDS


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The changes from one state to the next, by JSON Pointer; without stamps and hidden fields.

    Objects are compared field by field, lists as a whole. An object that is added or removed is one change.
    They have the order of ContractState; the order of the keys in the dicts depends on earlier commands.
    """
    was, now = before.get, after.get
    names = [
        name
        for name, new in after.items()
        if was(name) is not new and name not in _LEFT_OUT and was(name, ABSENT) != new
    ]
    if not before.keys() <= after.keys():
        names += [name for name in before if name not in after]
    names.sort(key=PLACES.__getitem__)
    return tuple(
        change for name in names for change in _between(f"/{name}", was(name, ABSENT), now(name, ABSENT))
    )


def revert(state: Mapping[str, Any], changes: Iterable[FieldChange]) -> dict[str, Any]:
    """The state before, from the state after and its changes.

    Version, times and authors are not changed: the history entry has those.
    """
    reverted = dict(state)
    for path, before, _ in changes:
        _put(reverted, [_unescaped(name) for name in path[1:].split("/")], before)
    return reverted


def pointer(*names: str | int) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join(f"/{_escaped(str(name))}" for name in names)


def _between(path: str, old: Any, new: Any) -> Iterator[FieldChange]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        yield FieldChange(path, old, new)
        return
    for name in {**old, **new}:
        before, after = old.get(name, ABSENT), new.get(name, ABSENT)
        if before != after:
            yield from _between(f"{path}/{_escaped(name)}", before, after)


def _put(target: dict[str, Any], names: list[str], value: Any) -> None:
    first, *rest = names
    if rest:
        target[first] = dict(target[first])
        _put(target[first], rest, value)
    elif value is ABSENT:
        del target[first]
    else:
        target[first] = value


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")
