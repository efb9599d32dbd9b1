"""Who owns the positions on MongoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import UpdateOne

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from consumer.storage.mongo_driver import Client


class Owners:
    """Finds positions, and takes them from their owners.

    Args:
        positions: the collection.
        asking: a block around each request, which limits its time and translates errors.
    """

    def __init__(
        self, client: Client, positions: Any, asking: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._client = client
        self._positions = positions
        self._asking = asking

    async def find(self, partitions: Collection[str]) -> dict[str, dict[str, Any]]:
        """The documents without the outboxes, which can be several megabytes."""
        ids = {"_id": {"$in": list(partitions)}}
        with self._asking():
            found = self._positions.find(ids, {"outbox": False}, batch_size=len(partitions) + 1)
            return {document["_id"]: document for document in await found.to_list(None)}

    async def insert(self, name: str, document: Mapping[str, Any]) -> bool:
        """Stores a position's document, unless there is one; whether it did."""
        with self._asking():
            done = await self._positions.update_one({"_id": name}, {"$setOnInsert": document}, upsert=True)
        return done.upserted_id is not None

    async def take(self, partitions: Collection[str], update: Mapping[str, Any]) -> None:
        """Changes positions that earlier owners may still be writing."""
        left = set(partitions)
        while found := await self.find(left):
            with self._asking():
                # The open transaction of an earlier owner would block the update below for a minute, or could
                # still commit if its process is only paused. So end the owner's sessions first, then become
                # the owner.
                if sessions := {each for document in found.values() for each in _sessions_of(document)}:
                    await self._client.admin.command("killSessions", [{"id": each} for each in sessions])
                updates = [
                    UpdateOne(
                        {"_id": name, "owner": document["owner"], "sessions": document.get("sessions")},
                        update,
                    )
                    for name, document in found.items()
                ]
                done = await self._positions.bulk_write(updates, ordered=False)
            if done.matched_count == len(found):
                return
            # Another worker has become the owner meanwhile: try once more, but never end this store's own
            # sessions.
            now = await self.find(left)
            taken = update["$set"]["owner"], update["$set"].get("sessions")
            left = {
                name
                for name, document in now.items()
                if (document["owner"], document.get("sessions")) != taken
            }


def _sessions_of(document: Mapping[str, Any]) -> Sequence[Any]:
    """The sessions of the owner; version 0.1 had one."""
    return document.get("sessions") or [each for each in [document.get("session")] if each is not None]
