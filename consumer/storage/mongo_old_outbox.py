"""The outbox of version 0.1, which had a collection of its own."""

from __future__ import annotations

from typing import Any

from consumer.storage.protocols import OUTBOX_SLOTS


async def adopt_old_outbox(database: Any, partition: str) -> None:
    """Moves the slots of a partition into the document of its position."""
    ids = {f"{partition}/{number}": number for number in range(OUTBOX_SLOTS)}
    found = await database.outbox.find({"_id": {"$in": list(ids)}}).to_list(None)
    slots = {f"outbox.{ids[slot.pop('_id')]}": slot for slot in found}
    if slots:
        await database.positions.update_one({"_id": partition}, {"$set": slots})
    await database.outbox.delete_many({"_id": {"$in": list(ids)}})
