"""The store on MongoDB. The only file that connects motor's client.

All writes are majority-committed multi-document transactions on the primary. A batch costs the same
number of round trips whatever its size, because each hop into motor's thread pool costs more than a
command's own work.
"""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ReadPreference, ReturnDocument, WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from consumer.errors import Fenced, OutcomeUnknown, StoreUnavailable
from consumer.storage.documents import CODEC, position_document, position_from, slot_from
from consumer.storage.mongo_batch import MongoBatch
from consumer.storage.mongo_errors import translate, translated
from consumer.storage.mongo_monitor import OperationListener
from consumer.storage.mongo_uri import refused_uri
from consumer.storage.protocols import OUTBOX_SLOTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from motor.motor_asyncio import AsyncIOMotorClientSession as Session

    from consumer.storage.protocols import BatchTransaction, OutboxSlot, Position

_COMMIT_TRIES: Final = 5
_NO_SUCH_TRANSACTION: Final = 251

Client = AsyncIOMotorClient[dict[str, Any]]


def connect(
    uri: str, *, timeout_ms: int, max_pool_size: int, report: Callable[[str, str, float], None] | None = None
) -> Client:
    """A client that connects when it is first used.

    Args:
        uri: connection string.
        timeout_ms: when an operation counts as failed, with finding a server, connecting and repeating.
        max_pool_size: connections to each server.
        report: told of every operation, see OperationListener.

    Raises:
        SettingsError: the driver cannot use the connection string.
    """
    with refused_uri(uri):
        return AsyncIOMotorClient(
            uri,
            appname="contracts",
            maxPoolSize=max_pool_size,
            timeoutMS=timeout_ms,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            tz_aware=True,
            event_listeners=[OperationListener(report)] if report else [],
        )


class MongoStore:
    """One database's contracts, history, positions and outbox.

    Args:
        client: connected lazily by motor; closing it is the caller's business. Its timeoutMS is the
            deadline of every method here, and of every method of a transaction.
        database: name of the database.
    """

    def __init__(self, client: Client, database: str) -> None:
        self.client = client
        self.database = client.get_database(
            database,
            codec_options=CODEC,
            read_preference=ReadPreference.PRIMARY,
            write_concern=WriteConcern("majority"),
            read_concern=ReadConcern("majority"),
        )
        self._seconds: float | None = client.delegate.options.timeout
        self._sessions: dict[str, Session] = {}

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with pymongo.timeout(self._seconds), translated():
            yield

    async def position(self, partition: str) -> Position | None:
        with self._asking():
            document = await self.database.positions.find_one({"_id": partition})
        return position_from(document) if document else None

    async def partition_count(self, topic: str) -> int | None:
        # Names sort as text, and "0" follows "/" directly: the range is all ids that begin with "topic/".
        of_topic = {"_id": {"$gte": f"{topic}/", "$lt": f"{topic}0"}}
        with self._asking():
            document = await self.database.positions.find_one(of_topic, ["partitions"])
        return int(document["partitions"]) if document else None

    async def claim(self, partition: str, owner: str, initial: Position | None) -> Position | None:
        # A session is never used again after a claim: what the network still holds of it comes too late.
        self._sessions.pop(partition, None)
        with self._asking():
            session = await self.client.start_session()
            session_id: Mapping[str, Any] = session.session_id  # type: ignore[assignment]  # a property, unlike its stub
            mine = {"owner": owner, "session": session_id["id"]}
            if initial is not None:
                fresh = {**position_document(initial), "owner": None, "session": None}
                await self.database.positions.update_one(
                    {"_id": partition}, {"$setOnInsert": fresh}, upsert=True
                )
            claimed = await self._take(partition, {"$set": mine})
        if claimed is None:
            return None
        self._sessions[partition] = session
        return position_from(claimed)

    async def replace_position(self, position: Position) -> None:
        document = {**position_document(position), "owner": None, "session": None}
        with self._asking():
            taken = await self._take(position.partition, {"$set": document})
            if taken is None:
                await self.database.positions.insert_one({"_id": position.partition, **document})

    async def keep_outbox(self, partition: str, generations: tuple[int, int]) -> None:
        before, after = generations
        slots = [f"{partition}/{number}" for number in range(OUTBOX_SLOTS)]
        with self._asking():
            # An open transaction of a dead owner may hold the slots.
            await self._take(partition, {"$set": {"owner": None, "session": None}})
            await self.database.outbox.update_many(
                {"_id": {"$in": slots}, "generation": before}, {"$set": {"generation": after}}
            )

    async def _take(self, partition: str, update: Any) -> dict[str, Any] | None:
        """Changes a position that another owner may be writing; None: there is none."""
        positions = self.database.positions
        while document := await positions.find_one({"_id": partition}):
            # The open transaction of a dead owner would block the update below for a minute, and
            # that of a paused one could still commit: end its session first, then take its place.
            if document["session"] is not None:
                await self.client.admin.command("killSessions", [{"id": document["session"]}])
            taken: dict[str, Any] | None = await positions.find_one_and_update(
                {"_id": partition, "session": document["session"]},
                update,
                return_document=ReturnDocument.AFTER,
            )
            if taken is not None:
                return taken
        return None

    @asynccontextmanager
    async def transaction(
        self, partition: str, *, owner: str, expected: int
    ) -> AsyncIterator[BatchTransaction]:
        session = self._sessions.get(partition)
        if session is None:
            raise Fenced(f"{partition} was not claimed after the last failure")
        session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"), ReadPreference.PRIMARY)
        try:
            yield MongoBatch(self.database, session, self._asking, owner=owner, expected=expected)
            with pymongo.timeout(self._seconds):
                await _commit(session)
        except (StoreUnavailable, OutcomeUnknown, CancelledError):
            # Nobody answers, or somebody still may: the next claim ends whatever is open.
            self._sessions.pop(partition, None)
            raise
        except BaseException:
            with pymongo.timeout(self._seconds):
                await _abort(session)
            raise

    async def outbox(self, partition: str) -> list[OutboxSlot]:
        ids = [f"{partition}/{number}" for number in range(OUTBOX_SLOTS)]
        with self._asking():
            documents = await self.database.outbox.find({"_id": {"$in": ids}}).to_list(OUTBOX_SLOTS)
        return sorted(map(slot_from, documents), key=lambda slot: slot.first)


async def _commit(session: Session) -> None:
    for tries_left in reversed(range(_COMMIT_TRIES)):
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            unknown = error.has_error_label("UnknownTransactionCommitResult")
            if unknown and tries_left:
                continue
            lost = getattr(error, "code", None) == _NO_SUCH_TRANSACTION
            if unknown or (lost and not error.has_error_label("TransientTransactionError")):
                raise OutcomeUnknown(f"whether the batch was committed is unknown: {error}") from error
            raise translate(error) from error
        else:
            return


async def _abort(session: Session) -> None:
    if not bool(session.in_transaction):
        return
    try:
        await session.abort_transaction()
    except PyMongoError:
        # The server ends it by itself; the next claim kills the session in any case.
        return
