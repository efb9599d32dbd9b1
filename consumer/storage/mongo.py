"""The store on MongoDB. The only file that makes a driver's client.

All writes are majority-committed multi-document transactions on the primary. A batch costs the same
number of round trips whatever its size, because each round trip costs more than a command's own work.
"""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, ReadPreference, UpdateOne, WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from consumer.errors import Fenced, OutcomeUnknown, StoreUnavailable
from consumer.storage.documents import CODEC, position_document, position_from, slots_from
from consumer.storage.mongo_batch import MongoBatch
from consumer.storage.mongo_driver import start_session, start_transaction, timeout_seconds
from consumer.storage.mongo_errors import translate, translated
from consumer.storage.mongo_monitor import OperationListener
from consumer.storage.mongo_uri import refused_uri
from consumer.storage.protocols import OUTBOX_SLOTS, SESSIONS, Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence

    from consumer.storage.mongo_driver import Client, Driver, Session
    from consumer.storage.protocols import BatchTransaction, OutboxSlot, Position

_COMMIT_TRIES: Final = 5
_NO_SUCH_TRANSACTION: Final = 251

_CLIENTS: Final[Mapping[Driver, type[Client]]] = {"motor": AsyncIOMotorClient, "pymongo": AsyncMongoClient}


def connect(
    uri: str,
    *,
    timeout_ms: int,
    max_pool_size: int,
    driver: Driver = "motor",
    report: Callable[[str, str, float], None] | None = None,
) -> Client:
    """A client that connects when it is first used. It belongs to the event loop that it is first used in.

    Args:
        uri: connection string.
        timeout_ms: when an operation counts as failed, with finding a server, connecting and repeating.
        max_pool_size: connections to each server.
        driver: whose client.
        report: told of every operation, see OperationListener.

    Raises:
        SettingsError: the driver cannot use the connection string.
    """
    with refused_uri(uri):
        return _CLIENTS[driver](
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
        client: connected lazily, of either driver; closing it is the caller's business. Its timeoutMS
            is the deadline of every method here, and of every method of a transaction.
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
        self._seconds = timeout_seconds(client)
        self._sessions: dict[int, Session] = {}

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with pymongo.timeout(self._seconds), translated():
            yield

    async def positions(self, partitions: Collection[str]) -> dict[str, Position]:
        return {name: position_from(document) for name, document in (await self._find(partitions)).items()}

    async def _find(self, partitions: Collection[str]) -> dict[str, dict[str, Any]]:
        """The documents, without the outboxes, which may be megabytes."""
        ids = {"_id": {"$in": list(partitions)}}
        with self._asking():
            found = self.database.positions.find(ids, {"outbox": False}, batch_size=len(partitions) + 1)
            return {document["_id"]: document for document in await found.to_list(None)}

    async def partition_count(self, topic: str) -> int | None:
        # Names sort as text, and "0" follows "/" directly: the range is all ids that begin with "topic/".
        of_topic = {"_id": {"$gte": f"{topic}/", "$lt": f"{topic}0"}}
        with self._asking():
            document = await self.database.positions.find_one(of_topic, ["partitions"])
        return int(document["partitions"]) if document else None

    async def claim(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        # A session is never used again after a claim: what the network still holds of it comes too late.
        self._sessions = {}
        with self._asking():
            sessions = [await start_session(self.client) for _ in range(SESSIONS)]
        mine = {"owner": owner, "sessions": [_id_of(session) for session in sessions]}
        await self._take(partitions, {"$set": mine, "$unset": {"session": "", "stop": ""}})
        self._sessions = dict(enumerate(sessions))
        return await self.owned(partitions, owner)

    async def begin(self, position: Position, owner: str) -> None:
        sessions = [_id_of(session) for session in self._sessions.values()]
        document = {**position_document(position), "owner": owner, "sessions": sessions}
        with self._asking():
            done = await self.database.positions.update_one(
                {"_id": position.partition}, {"$setOnInsert": document}, upsert=True
            )
        if done.upserted_id is None:
            raise Fenced(f"another owner has begun {position.partition}")

    async def owned(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        found = await self._find(partitions)
        for name, document in found.items():
            if document["owner"] != owner:
                raise Fenced(f"{name} has another owner by now")
        return {name: position_from(document) for name, document in found.items()}

    async def note_stop(self, partition: str, owner: str, stop: Stop) -> None:
        with self._asking():
            await self.database.positions.update_one(
                {"_id": partition, "owner": owner}, {"$set": {"stop": stop._asdict()}}
            )

    async def stops(self, partitions: Collection[str]) -> dict[str, Stop]:
        noted = {"_id": {"$in": list(partitions)}, "stop": {"$exists": True}}
        with self._asking():
            found = await self.database.positions.find(noted, {"stop": True}).to_list(None)
        return {document["_id"]: Stop(**document["stop"]) for document in found}

    async def disown(self, partitions: Collection[str]) -> None:
        await self._take(partitions, {"$set": {"owner": None}})

    async def replace_position(self, position: Position) -> None:
        document = {**position_document(position), "owner": None, "sessions": []}
        await self._take([position.partition], {"$set": document, "$unset": {"session": "", "stop": ""}})
        with self._asking():
            await self.database.positions.update_one(
                {"_id": position.partition}, {"$setOnInsert": document}, upsert=True
            )

    async def keep_outbox(self, partition: str, generations: tuple[int, int]) -> None:
        before, after = generations
        # An open transaction of a dead owner may hold the slots.
        await self._take([partition], {"$set": {"owner": None, "sessions": []}})
        kept = [slot for slot in (await self.outbox([partition]))[partition] if slot.generation == before]
        if kept:
            fields = {f"outbox.{slot.number}.generation": after for slot in kept}
            with self._asking():
                await self.database.positions.update_one({"_id": partition}, {"$set": fields})

    async def _take(self, partitions: Collection[str], update: Mapping[str, Any]) -> None:
        """Changes positions that other owners may be writing, where there are any."""
        left = set(partitions)
        while found := await self._find(left):
            with self._asking():
                # The open transaction of a dead owner would block the update below for a minute, and
                # that of a paused one could still commit: end its sessions first, then take its place.
                if sessions := {each for document in found.values() for each in _sessions_of(document)}:
                    await self.client.admin.command("killSessions", [{"id": each} for each in sessions])
                updates = [
                    UpdateOne(
                        {"_id": name, "owner": document["owner"], "sessions": document.get("sessions")},
                        update,
                    )
                    for name, document in found.items()
                ]
                done = await self.database.positions.bulk_write(updates, ordered=False)
            if done.matched_count == len(found):
                return
            # Somebody has taken one meanwhile: once more, but never against our own sessions.
            now = await self._find(left)
            taken = update["$set"]["owner"], update["$set"].get("sessions")
            left = {
                name
                for name, document in now.items()
                if (document["owner"], document.get("sessions")) != taken
            }

    @asynccontextmanager
    async def transaction(self, owner: str, lane: int) -> AsyncIterator[BatchTransaction]:
        session = self._sessions.get(lane)
        if session is None:
            raise Fenced("nothing was claimed after the last failure")
        await start_transaction(session, ReadConcern("snapshot"), WriteConcern("majority"))
        try:
            yield MongoBatch(self.database, session, self._asking, owner=owner)
            with pymongo.timeout(self._seconds):
                await _commit(session)
        except (StoreUnavailable, OutcomeUnknown, CancelledError):
            # Nobody answers, or somebody still may: the next claim ends whatever is open.
            self._sessions.pop(lane, None)
            raise
        except BaseException:
            with pymongo.timeout(self._seconds):
                await _abort(session)
            raise

    async def adopt_outbox(self, partition: str) -> None:
        ids = {f"{partition}/{number}": number for number in range(OUTBOX_SLOTS)}
        with self._asking():
            found = await self.database.outbox.find({"_id": {"$in": list(ids)}}).to_list(None)
            slots = {f"outbox.{ids[slot.pop('_id')]}": slot for slot in found}
            if slots:
                await self.database.positions.update_one({"_id": partition}, {"$set": slots})
            await self.database.outbox.delete_many({"_id": {"$in": list(ids)}})

    async def outbox(self, partitions: Collection[str]) -> dict[str, list[OutboxSlot]]:
        with self._asking():
            found = self.database.positions.find({"_id": {"$in": list(partitions)}}, {"outbox": True})
            slots = {document["_id"]: slots_from(document) for document in await found.to_list(None)}
        return {name: slots.get(name, []) for name in partitions}


def _id_of(session: Session) -> Any:
    found: Mapping[str, Any] = session.session_id  # type: ignore[assignment]  # a property, unlike its stub
    return found["id"]


def _sessions_of(document: Mapping[str, Any]) -> Sequence[Any]:
    """Of the owner; version 0.1 had one."""
    return document.get("sessions") or [each for each in [document.get("session")] if each is not None]


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
