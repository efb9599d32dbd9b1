"""Bugs to plant: each fault test must fail with the bug it is for. See docs/testing.md."""

from collections.abc import Callable
from typing import NamedTuple


class Planted(NamedTuple):
    plant: Callable[[], None]
    why: str


PLANTED: dict[str, Planted] = {}
