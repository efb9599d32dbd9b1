"""Documents of a collection that is not ours, for taking over what is in them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from bson import CodecOptions
from pymongo.errors import InvalidName
from pymongo.uri_parser import parse_uri

from consumer.addresses import mongo_mistake
from consumer.errors import InputRefused, SettingsError
from consumer.storage.mongo import connect
from consumer.storage.mongo_errors import answered
from consumer.storage.mongo_uri import refused_uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNK: Final = 1_000


class ForeignCollection:
    """A collection, read in the order of `_id`. Nothing is written.

    Args:
        collection: motor's.
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
        """All documents, a chunk in memory at a time.

        Raises:
            ServiceUnavailable: no answer; what came before is complete.
        """
        after: dict[str, Any] = {}
        while True:
            with answered(self._seconds):
                found = self._collection.find(after).sort([("_id", 1)]).limit(CHUNK)
                chunk = await found.to_list(CHUNK)
            for document in chunk:
                yield document
            if len(chunk) < CHUNK:
                return
            after = {"_id": {"$gt": chunk[-1]["_id"]}}


@asynccontextmanager
async def foreign_collection(
    uri: str, collection: str, *, timeout_ms: int
) -> AsyncIterator[ForeignCollection]:
    """A collection by the connection string of its database.

    Args:
        uri: connection string with a database: mongodb://host/database.
        collection: its name.
        timeout_ms: when a question counts as unanswered.

    Raises:
        InputRefused: the connection string names no database, or is none; or this is no collection's name.
    """
    if why := mongo_mistake(uri):
        raise InputRefused(f"--from-mongo: {why}")
    options: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
    try:
        with refused_uri(uri, "--from-mongo"):
            database = parse_uri(uri, validate=True)["database"]
        if not database:
            raise InputRefused("the connection string names no database: mongodb://host/DATABASE")
        client = connect(uri, timeout_ms=timeout_ms, max_pool_size=1)
    except SettingsError as error:
        raise InputRefused(str(error)) from error
    try:
        try:
            found = client.get_database(database).get_collection(collection, codec_options=options)
        except InvalidName as error:
            raise InputRefused(f"--collection: {error}") from error
        yield ForeignCollection(found, timeout_ms / 1000)
    finally:
        client.close()
