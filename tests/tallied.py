"""Movements in memory as MongoDB has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consumer.storage.memory import MemoryStore


def movement_documents(store: MemoryStore) -> list[dict[str, Any]]:
    return [
        {
            "partition": partition,
            **place._asdict(),
            "amounts": {kind: each.amount for kind, each in moved.items()},
            "times": {kind: each.times for kind, each in moved.items()},
        }
        for (partition, place), moved in store.movements.items()
    ]
