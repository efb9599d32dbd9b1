"""Where two programs decided differently: what was made, and what this one would make."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Any, Final

from consumer.storage.protocols import split_sequence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MISSING: Final = "(none)"

KEPT: Final = 10_000
"""How many differences are kept: of a changed rule there can be as many as there are commands."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    `what` is a collection or a topic; `id` names the document or event there. `partition` and `offset` are
    those of the command that made it. `path` is the first field that differs, with its value in what `made`
    has and in what this program `would` make.
    """

    what: str
    id: str
    partition: int
    offset: int
    path: str
    made: str
    would: str

    @property
    def order(self) -> tuple[int, int]:
        """By the command."""
        return self.offset, self.partition

    def row(self) -> dict[str, Any]:
        """For a table."""
        return asdict(self)


class Found:
    """Counts differences, and keeps the first `limit` of them in the order of the log."""

    def __init__(self, limit: int = KEPT) -> None:
        self.count = 0
        self._limit = limit
        self._last_first: list[tuple[int, int, int, Difference]] = []

    def add(self, one: Difference) -> None:
        """Takes one more, in any order."""
        self.count += 1
        item = (-one.offset, -one.partition, -self.count, one)
        if len(self._last_first) < self._limit:
            heappush(self._last_first, item)
        else:
            heappushpop(self._last_first, item)

    def first(self) -> tuple[Difference, ...]:
        """Those that are kept."""
        return tuple(item[-1] for item in sorted(self._last_first, reverse=True))


def difference(
    what: str, identity: str, partition: int, sequence: int, pair: tuple[Any, Any]
) -> Difference | None:
    """The first difference of a pair (what was made, what would be); None: they are equal."""
    found = next(_unequal("", *pair), None)
    if found is None:
        return None
    path, made, would = found
    _, offset = split_sequence(sequence)
    return Difference(what, identity, partition, offset, path or "/", made, would)


def _unequal(path: str, made: Any, would: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(made, dict) and isinstance(would, dict):
        for name in sorted({**made, **would}):
            yield from _unequal(f"{path}/{name}", _of(made, name), _of(would, name))
        if list(made) != list(would):
            yield path, f"fields in the order {list(made)}", f"{list(would)}"
    elif isinstance(made, list) and isinstance(would, list) and len(made) == len(would):
        for number, (one, other) in enumerate(zip(made, would, strict=True)):
            yield from _unequal(f"{path}/{number}", one, other)
    elif type(made) is not type(would) or made != would:
        yield path, str(made), str(would)


def _of(fields: Mapping[str, Any], name: str) -> Any:
    return fields.get(name, MISSING)
