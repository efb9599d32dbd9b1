"""Documents of a collection that is not ours, for taking over what is in them."""

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
"""How long counting all documents may take."""

OPTIONS: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="surrogateescape",
)
"""A value that is not a valid time or text in Python is left to the schema, which refuses that row alone."""


class ForeignCollection:
    """A collection, read once from its beginning to its end. Nothing is written.

    Args:
        collection: the driver's.
        seconds: when a question counts as unanswered.
    """

    def __init__(self, collection: Any, seconds: float) -> None:
        self._collection = collection
        self._seconds = seconds
        self.name: str = collection.full_name

    async def count(self) -> int:
        """About how many documents there are.

        Raises:
            ServiceUnavailable: no answer.
        """
        with answered(self._seconds):
            return int(await self._collection.estimated_document_count())

    async def documents(self) -> AsyncIterator[dict[str, Any]]:
        """All documents in readable form, by `_id`, a chunk in memory at a time.

        `_id` is text, or None where it has no standard text form.

        Raises:
            ServiceUnavailable: no answer; what came before is complete.
            InputRefused: these were not all.
        """
        # One cursor: to ask for what follows an `_id` finds only the ones of its own type.
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
        if there != read:
            raise InputRefused(
                f"{read:,} documents of {self.name} were read, but it holds {there:,}",
                hint="did it change meanwhile? Run the import again: what was adopted is a duplicate then",
            )


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
        InputRefused: the connection string names no database, or is none; or this is no collection's name.
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
