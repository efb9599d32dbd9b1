"""Stores the documents of a checkpoint in an empty database, byte for byte, and drops databases."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pymongo
from bson.raw_bson import RawBSONDocument
from pymongo import WriteConcern
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from consumer.errors import InputRefused
from consumer.storage.chain import RAW
from consumer.storage.indexes import BUILD_SECONDS
from consumer.storage.mongo_errors import answered, translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.storage.mongo_driver import Client

AT_ONCE: Final = 1_000
"""Number of documents in one message."""

SECONDS: Final = 120.0
"""Maximum time of one message, or of counting a collection: a busy server takes long, and nothing waits."""

MESSAGES: Final = 4
"""Sent at the same time: one keeps only one core of the server busy."""

_DUPLICATE_KEY: Final = 11000


async def drop(client: Any, name: str) -> None:
    """Drops a database with all that is in it.

    Raises:
        StoreUnavailable, StoreDenied: MongoDB does not answer, or refuses access.
    """
    with pymongo.timeout(BUILD_SECONDS), translated():
        await client.drop_database(name)


class Restoring:
    """Every method may raise ServiceUnavailable.

    Args:
        client: connected lazily.
        database: name of the database.
    """

    def __init__(self, client: Client, database: str) -> None:
        self._db: Any = client.get_database(
            database,
            codec_options=RAW,
            write_concern=WriteConcern("majority"),
            read_concern=ReadConcern("majority"),
        )
        self._free = asyncio.Semaphore(MESSAGES)

    async def store(self, collection: str, documents: Sequence[bytes]) -> None:
        """Stores documents that are not there yet.

        Raises:
            InputRefused: another document has the id of one of them.
        """
        parts = (documents[first : first + AT_ONCE] for first in range(0, len(documents), AT_ONCE))
        await asyncio.gather(*(self._store(self._db[collection], part) for part in parts))

    async def some(self, collection: str) -> set[bytes]:
        """Some of the documents that are there, if there are any."""
        with answered(SECONDS):
            found = await self._db[collection].find({}).limit(AT_ONCE).to_list(AT_ONCE)
        return {bytes(each.raw) for each in found}

    async def count(self, collection: str) -> int:
        """How many documents there are."""
        with answered(SECONDS):
            count: int = await self._db[collection].count_documents({})
        return count

    async def _store(self, collection: Any, documents: Sequence[bytes]) -> None:
        async with self._free:
            with answered(SECONDS):
                try:
                    await collection.insert_many([*map(RawBSONDocument, documents)], ordered=False)
                except BulkWriteError as error:
                    if {failed["code"] for failed in error.details["writeErrors"]} != {_DUPLICATE_KEY}:
                        raise
                else:
                    return
            await self._compare(collection, documents)

    async def _compare(self, collection: Any, documents: Sequence[bytes]) -> None:
        """An earlier run that was interrupted has stored some of them."""
        ids = [RawBSONDocument(document)["_id"] for document in documents]
        with answered(SECONDS):
            found = await collection.find({"_id": {"$in": ids}}).to_list(None)
        there = {bytes(each.raw) for each in found}
        if not there.issuperset(documents):
            raise InputRefused(
                f"the database holds other {collection.name} than the checkpoint",
                hint="only an empty database is restored: drop it, or name another",
            )
