"""What a check found: how many records of each kind of fault, and the first of each in full."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple

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


def first_difference(expected: Any, found: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """Where two documents differ first: path, what was expected, what was found."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            sides = (expected.get(name, "<nothing>"), found.get(name, "<nothing>"))
            if difference := first_difference(*sides, f"{path}/{name}"):
                return difference
        return None
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, sides in enumerate(zip(expected, found, strict=True)):
            if difference := first_difference(*sides, f"{path}/{number}"):
                return difference
        return None
    if expected == found and all(isinstance(expected, k) == isinstance(found, k) for k in _TELLING_TYPES):
        return None
    return path, expected, found
