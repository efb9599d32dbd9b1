"""Which dead letters were redriven, and when: one document each, with its name as `_id`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from pymongo.errors import DuplicateKeyError

from consumer.storage.mongo_errors import translated

if TYPE_CHECKING:
    from consumer.storage.mongo_driver import Client

COLLECTION: Final = "replays"


class RedriveStore(Protocol):
    """Stores the names of redriven dead letters, each once."""

    async def when(self, name: str) -> datetime | None:
        """When it was first redriven; None: never."""

    async def remember(self, name: str, source: str) -> bool:
        """Notes that it is being redriven; False: another process has noted it first."""


class MongoRedriveStore:
    """The same in the MongoDB collection `replays`."""

    def __init__(self, client: Client, database: str) -> None:
        self._collection = client[database][COLLECTION]

    async def when(self, name: str) -> datetime | None:
        """See the protocol."""
        found: dict[str, Any] | None
        with translated():
            found = await self._collection.find_one({"_id": name})
        return None if found is None else found["at"]

    async def remember(self, name: str, source: str) -> bool:
        """See the protocol."""
        document = {"_id": name, "at": datetime.now(UTC), "source": source}
        with translated():
            try:
                await self._collection.insert_one(document)
            except DuplicateKeyError:
                return False
        return True
