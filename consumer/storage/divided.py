"""Divides what is too much for one message or request."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_Item = TypeVar("_Item")


def divided(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """The items in order, `size` at a time."""
    return (items[first : first + size] for first in range(0, len(items), size))
