"""Checks that a table has a row for each name of a list. A missing row stops the program at its start."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Name = TypeVar("Name", bound=str)
Row = TypeVar("Row")


class Incomplete(Exception):
    """A table has a row too few or too many: an error in the program."""


def complete(table: Mapping[Name, Row], names: Iterable[str], where: str) -> dict[Name, Row]:
    """Returns the table if it has exactly one row for each name.

    Args:
        table: by name.
        names: the rows that it must have.
        where: name and file of the table.

    Raises:
        Incomplete: a row is missing, or there are too many.
    """
    expected = [*names]
    if missing := [name for name in expected if name not in table]:
        raise Incomplete(f"{where} has no row for {', '.join(missing)}: add it")
    if unknown := [name for name in table if name not in expected]:
        raise Incomplete(f"{where} has a row for {', '.join(unknown)}, which does not exist: remove it")
    return dict(table)
