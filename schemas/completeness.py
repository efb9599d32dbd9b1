"""Tables with a row for each of a list of names: a forgotten one stops the program as it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Name = TypeVar("Name", bound=str)
Row = TypeVar("Row")


class Incomplete(Exception):
    """A table lacks a row, or has one too many: a mistake in the program itself."""


def complete(table: Mapping[Name, Row], names: Iterable[str], where: str) -> dict[Name, Row]:
    """The table, if it has a row for each name and no other.

    Args:
        table: by name.
        names: those that it must have.
        where: what the table is called, and its file.

    Raises:
        Incomplete: a row is missing, or too many.
    """
    expected = [*names]
    if missing := [name for name in expected if name not in table]:
        raise Incomplete(f"{where} has no row for {', '.join(missing)}: add it")
    if unknown := [name for name in table if name not in expected]:
        raise Incomplete(f"{where} has a row for {', '.join(unknown)}, which does not exist: remove it")
    return dict(table)
