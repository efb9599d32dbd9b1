"""Stores the documents of a checkpoint in an empty database, byte for byte, and drops databases.

A marker says which checkpoint is being restored. Without it, whatever is there may be the live contracts of a
database that has lost its positions.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import bson
import pymongo
from bson.raw_bson import RawBSONDocument
from pymongo import WriteConcern
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from consumer.errors import AheadOfPosition, InputRefused, WriteConflict
from consumer.storage import indexes
from consumer.storage.chain import RAW
from consumer.storage.divided import divided
from consumer.storage.documents import CODEC
from consumer.storage.mongo_commits import abort, commit
from consumer.storage.mongo_driver import start_session, start_transaction
from consumer.storage.mongo_errors import answered, translated
from consumer.storage.mongo_filters import of_topic
from consumer.storage.position_documents import position_document, position_from

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from consumer.storage.mongo_driver import Client, Session
    from consumer.storage.protocols import Position

MARKERS: Final = "restoring"
"""The collection of the marker, which is there from before the first document until the positions are."""

AT_ONCE: Final = 1_000
"""Number of documents in one message."""

SECONDS: Final = 120.0
"""Maximum time of one message, or of counting a collection: a busy server takes long, and nothing waits."""

MESSAGES: Final = 4
"""Sent at the same time: one keeps only one core of the server busy."""

_DUPLICATE_KEY: Final = 11000
_MARKER: Final = {"_id": "restoring"}


async def drop(client: Any, name: str) -> None:
    """Drops a database with all that is in it.

    Raises:
        StoreUnavailable, StoreDenied: MongoDB does not answer, or refuses access.
    """
    with pymongo.timeout(indexes.BUILD_SECONDS), translated():
        await client.drop_database(name)


class Restoring:
    """Every method may raise ServiceUnavailable.

    Args:
        client: connected lazily.
        database: name of the database.
        history_retention_days: as the service has it, which needs an index for it.
    """

    def __init__(self, client: Client, database: str, *, history_retention_days: int | None = None) -> None:
        self._client = client
        options: Any = {"write_concern": WriteConcern("majority"), "read_concern": ReadConcern("majority")}
        self._db: Any = client.get_database(database, codec_options=RAW, **options)
        self._positions: Any = client.get_database(database, codec_options=CODEC, **options).positions
        self._indexed = client[database], history_retention_days
        self._free = asyncio.Semaphore(MESSAGES)

    async def begun(self) -> str | None:
        """The id of the manifest whose restore has begun and not ended; None: there is none."""
        with answered(SECONDS):
            found = await self._db[MARKERS].find_one(_MARKER)
        return None if found is None else str(found["manifest"])

    async def begin(self, manifest: str) -> None:
        """Makes collections and indexes, and notes which manifest is restored from now on.

        Raises:
            InputRefused: the restore of another one has begun.
        """
        database, days = self._indexed
        await indexes.ensure(database, history_retention_days=days)
        with answered(SECONDS), suppress(DuplicateKeyError):  # of an earlier run, or of another checkpoint
            await self._db[MARKERS].insert_one(_MARKER | {"manifest": manifest})
        if await self.begun() != manifest:
            raise not_empty("the restore of another checkpoint has begun in the database")

    async def store(self, collection: str, documents: Sequence[bytes]) -> None:
        """Stores documents that are not there yet.

        Raises:
            InputRefused: another document has the id of one of them.
        """
        parts = divided(documents, AT_ONCE)
        await asyncio.gather(*(self._store(self._db[collection], part) for part in parts))

    async def known(self, collection: str, documents: Sequence[bytes]) -> int:
        """How many of these documents are there.

        Raises:
            InputRefused: another document has the id of one of them.
        """
        ours = {RawBSONDocument(document)["_id"]: document for document in documents}
        with answered(SECONDS):
            found = await self._db[collection].find({"_id": {"$in": [*ours]}}).to_list(None)
        for each in found:
            there, mine = bytes(each.raw), ours[each["_id"]]
            # The service may have registered the same templates, with fields in another order.
            if there != mine and bson.decode(there) != bson.decode(mine):
                raise _others(collection)
        return len(found)

    async def count(self, collection: str, most: int) -> int:
        """How many documents there are; if there are more than `most`, one more than that."""
        with answered(SECONDS):
            count: int = await self._db[collection].count_documents({}, limit=most + 1)
        return count

    async def finish(self, topic: str, positions: Collection[Position]) -> None:
        """Stores the positions and removes the marker: both, or neither.

        Raises:
            InputRefused: the topic has other positions meanwhile, or the marker is gone.
        """
        session = await start_session(self._client)
        try:
            with answered(SECONDS):
                await start_transaction(session, ReadConcern("snapshot"), WriteConcern("majority"))
                try:
                    with translated():
                        await self._finish(topic, positions, session)
                    await commit(session)
                except BaseException:
                    await abort(session)
                    raise
        except (AheadOfPosition, WriteConflict) as error:
            raise _meanwhile() from error
        finally:
            await session.end_session()

    async def _finish(self, topic: str, positions: Collection[Position], session: Session) -> None:
        found = await self._positions.find(of_topic(topic), {"outbox": False}, session=session).to_list(None)
        there = {each.partition: each for each in map(position_from, found)}
        if there and there != {each.partition: each for each in positions}:
            raise _meanwhile()
        marker = await self._db[MARKERS].delete_one(_MARKER, session=session)
        if there:
            return  # another run has finished
        if not marker.deleted_count:
            raise not_empty("the database was dropped or restored meanwhile")
        nobody: dict[str, Any] = {"owner": None, "sessions": []}
        documents = [{"_id": each.partition, **position_document(each), **nobody} for each in positions]
        await self._positions.insert_many(documents, session=session)

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
            # An earlier run that was interrupted has stored some of them.
            if await self.known(collection.name, documents) < len(documents):
                raise _others(collection.name)


async def refuse_half_restored(client: Client, database: str) -> None:
    """Refuses to apply the log to a database with a part of a checkpoint: its documents are ahead of that.

    Raises:
        InputRefused: the restore of one has begun and not ended.
        ServiceUnavailable: MongoDB does not answer.
    """
    if (manifest := await Restoring(client, database).begun()) is not None:
        raise InputRefused(
            f"the restore of checkpoint {manifest} has begun in the database",
            hint="only an empty database is rebuilt: drop it, or run `--from-checkpoint FOLDER` again",
        )


def not_empty(why: str) -> InputRefused:
    """Why nothing can be restored to the database."""
    return InputRefused(why, hint="only an empty database is restored: drop it, or name another")


def _others(collection: str) -> InputRefused:
    return not_empty(f"the database holds other {collection} than the checkpoint")


def _meanwhile() -> InputRefused:
    return InputRefused(
        "the topic has positions that were stored meanwhile",
        hint="stop all instances of the service, drop the database, and run it again",
    )
