"""Bugs in what becomes of partitions that a takeover leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer.engine.catching_up import CatchingUp
from consumer.engine.partition import Partition
from tests.simulation.bugs import bug

if TYPE_CHECKING:
    import pytest


@bug(620)
def a_partition_that_was_left_out_is_worked_on(patch: pytest.MonkeyPatch) -> None:
    def working(self: Any) -> bool:
        return self.error is None and self.taken_over

    patch.setattr(Partition, "working", property(working))


@bug(12)
def what_is_left_out_counts_as_published(patch: pytest.MonkeyPatch) -> None:
    async def publish(self: Any, parts: Any) -> Any:
        return (await original(self, parts)) and {}

    original = CatchingUp.publish
    patch.setattr(CatchingUp, "publish", publish)
