"""Bugs that are planted: what each does, and where some schedule finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    Plant = Callable[[pytest.MonkeyPatch], None]


class Bug(NamedTuple):
    """A bug. `first` is a seed that found it once, or one shortly before: the search begins there."""

    plant: Plant
    first: int


BUGS: Final[dict[str, Bug]] = {}


def bug(first: int) -> Callable[[Plant], Plant]:
    """Registers a bug by its name."""

    def keep(plant: Plant) -> Plant:
        BUGS[plant.__name__] = Bug(plant, first)
        return plant

    return keep
