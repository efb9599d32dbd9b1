"""Reads outboxes, a few with each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.storage.position_documents import slots_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.storage.protocols import OutboxSlot

OUTBOXES_AT_ONCE: Final = 8
"""Partitions whose outboxes one request reads: each may hold 8 MiB, and all must come within its time."""


async def outboxes(positions: Any, names: Sequence[str]) -> dict[str, list[OutboxSlot]]:
    """The slots of these partitions, from the collection `positions`; none where there is no position."""
    found = await positions.find({"_id": {"$in": names}}, {"outbox": True}).to_list(None)
    slots = {document["_id"]: slots_from(document) for document in found}
    return {name: slots.get(name, []) for name in names}
