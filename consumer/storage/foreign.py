"""Documents of another program's collection, to adopt contracts from them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from bson import CodecOptions
from bson.codec_options import DatetimeConversion
from pymongo.errors import InvalidName
from pymongo.uri_parser import parse_uri

from consumer.addresses import mongo_mistake
from consumer.errors import InputRefused, SettingsError
from consumer.storage.foreign_values import id_text, readable
from consumer.storage.mongo import connect
from consumer.storage.mongo_driver import close
from consumer.storage.mongo_errors import answered
from consumer.storage.mongo_uri import refused_uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from consumer.storage.mongo_driver import Driver

CHUNK: Final = 1_000
PATIENT_SECONDS: Final = 600.0
"""Maximum time for counting all documents."""

OPTIONS: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="surrogateescape",
)
"""A value that is not a valid time or text in Python is passed on, so that the schema refuses only its row.
"""


class ForeignCollection:
    """A foreign collection, read once from its beginning to its end. Nothing is written.

    Args:
        collection: the driver's.
        seconds: when a question counts as unanswered.
    """

    def __init__(self, collection: Any, seconds: float) -> None:
        self._collection = collection
        self._seconds = seconds
        self.name: str = collection.full_name

    async def count(self) -> int:
        """The approximate number of documents.

        Raises:
            ServiceUnavailable: no answer.
        """
        with answered(self._seconds):
            return int(await self._collection.estimated_document_count())

    async def documents(self) -> AsyncIterator[dict[str, Any]]:
        """All documents, converted, in order of `_id`. Only one chunk is in memory at a time.

        `_id` is text, or None where it has no standard text form.

        Raises:
            ServiceUnavailable: MongoDB does not answer; the documents before were complete.
            InputRefused: documents are missing, or the collection is.
        """
        # One cursor for all: a query for what follows an `_id` finds only ids of the same type.
        cursor = self._collection.find({}, batch_size=CHUNK).sort([("_id", 1)])
        read = 0
        try:
            while chunk := await self._chunk(cursor):
                read += len(chunk)
                for document in chunk:
                    yield readable(document) | {"_id": id_text(document["_id"])}
        finally:
            await cursor.close()
        await self._check_complete(read)

    async def _chunk(self, cursor: Any) -> list[dict[str, Any]]:
        with answered(self._seconds):
            chunk: list[dict[str, Any]] = await cursor.to_list(CHUNK)
        return chunk

    async def _check_complete(self, read: int) -> None:
        with answered(PATIENT_SECONDS):
            there = await self._collection.count_documents({})
            if not there and not await self._exists():
                raise InputRefused(
                    f"there is no collection {self.name}",
                    hint="is --collection right, and the database?",
                )
        if there != read:
            raise InputRefused(
                f"{read:,} documents of {self.name} were read, but it holds {there:,}",
                hint="was it changed during the import? Run it again: what was adopted is then a duplicate",
            )

    async def _exists(self) -> bool:
        """Asked so that it takes no more rights than reading the collection does."""
        name, database = self._collection.name, self._collection.database
        return bool(await database.list_collection_names(filter={"name": name}, authorizedCollections=True))


@asynccontextmanager
async def foreign_collection(
    uri: str, collection: str, *, timeout_ms: int, driver: Driver = "motor"
) -> AsyncIterator[ForeignCollection]:
    """A collection by the connection string of its database.

    Args:
        uri: connection string with a database: mongodb://host/database.
        collection: its name.
        timeout_ms: when a question counts as unanswered.
        driver: whose client reads it.

    Raises:
        InputRefused: the connection string is invalid or names no database, or the name of the collection is
            invalid.
    """
    if why := mongo_mistake(uri):
        raise InputRefused(f"--from-mongo: {why}")
    try:
        with refused_uri(uri, "--from-mongo"):
            database = parse_uri(uri, validate=True)["database"]
        if not database:
            raise InputRefused("the connection string names no database: mongodb://host/DATABASE")
        client = connect(uri, timeout_ms=timeout_ms, max_pool_size=1, driver=driver)
    except SettingsError as error:
        raise InputRefused(str(error)) from error
    try:
        try:
            found = client.get_database(database).get_collection(collection, codec_options=OPTIONS)
        except InvalidName as error:
            raise InputRefused(f"--collection: {error}") from error
        yield ForeignCollection(found, timeout_ms / 1000)
    finally:
        await close(client)
