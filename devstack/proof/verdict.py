"""What a check found: how many records of each kind of fault, and the first of each in full."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["lost", "duplicated", "reordered", "diverged"]
KINDS: tuple[Kind, ...] = ("lost", "duplicated", "reordered", "diverged")
SHOWN_CHARACTERS = 2_000

_TELLING_TYPES = (bool, Decimal)
"""Equal to other numbers, but not the same when stored."""


class Finding(NamedTuple):
    """One offence. `where` is a topic, partition and offset, or a collection and what is in it."""

    kind: Kind
    where: str
    account: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return (
            f"{self.kind}: {self.where}, account {self.account!r}\n"
            f"  expected: {_short(self.expected)}\n  found:    {_short(self.found)}"
        )


@dataclass
class Verdict:
    """The offences counted by kind; all is well when there are none."""

    commands: int = 0
    outputs: int = 0
    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    first: dict[Kind, Finding] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not any(self.counts.values())

    def add(self, kind: Kind, where: str, account: str, *, expected: Any, found: Any) -> None:
        """Takes note of an offence."""
        self.counts[kind] += 1
        self.first.setdefault(kind, Finding(kind, where, account, expected, found))

    def line(self) -> str:
        """`lost=0 duplicated=0 reordered=0 diverged=0`"""
        return " ".join(f"{kind}={count}" for kind, count in self.counts.items())

    def __str__(self) -> str:
        head = f"{self.commands} commands, {self.outputs} outputs: {self.line()}"
        return "\n".join([head, *map(str, self.first.values())])


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"


def first_difference(expected: Any, found: Any) -> tuple[str, Any, Any] | None:
    """Where two documents differ first: path, what was expected, what was found."""
    names: Iterable[Any]
    if isinstance(expected, dict) and isinstance(found, dict):
        names = expected | found
        sides = [(expected.get(name, "<nothing>"), found.get(name, "<nothing>")) for name in names]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        names, sides = range(len(expected)), list(zip(expected, found, strict=True))
    elif expected == found and (type(expected) is type(found) or not _is_another_type(expected, found)):
        return None
    else:
        return "", expected, found
    for name, (one, other) in zip(names, sides, strict=True):
        if difference := first_difference(one, other):
            path, wanted, is_there = difference
            return f"/{name}{path}", wanted, is_there
    return None


def _is_another_type(expected: Any, found: Any) -> bool:
    return any(isinstance(expected, kind) != isinstance(found, kind) for kind in _TELLING_TYPES)
