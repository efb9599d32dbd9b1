"""What dead letters were sent again, and when: one document each, `_id` its name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from pymongo.errors import DuplicateKeyError

from consumer.storage.mongo_errors import translated

if TYPE_CHECKING:
    from consumer.storage.mongo_driver import Client

COLLECTION: Final = "replays"


class ReplayStore(Protocol):
    """Remembers by name; a name is remembered once."""

    async def when(self, name: str) -> datetime | None:
        """When it was first sent again; None: never."""

    async def remember(self, name: str, source: str) -> bool:
        """Takes note that it is being sent; False: somebody else was first."""


class MongoReplayStore:
    """In the collection `replays`."""

    def __init__(self, client: Client, database: str) -> None:
        self._collection = client[database][COLLECTION]

    async def when(self, name: str) -> datetime | None:
        """As the protocol says."""
        found: dict[str, Any] | None
        with translated():
            found = await self._collection.find_one({"_id": name})
        return None if found is None else found["at"]

    async def remember(self, name: str, source: str) -> bool:
        """As the protocol says."""
        document = {"_id": name, "at": datetime.now(UTC), "source": source}
        with translated():
            try:
                await self._collection.insert_one(document)
            except DuplicateKeyError:
                return False
        return True
